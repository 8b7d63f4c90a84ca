package world

import (
	"fmt"
	"os"

	"github.com/crmmind/mksync/internal/config"
)

// Environ is the world's configuration as a process gets it.
func (w *World) Environ() []string {
	c, usual := w.Config, config.Default()
	env := []string{
		"MKSYNC_CONFIG=" + w.File,
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"GORACE=" + os.Getenv("GORACE"),
		"MKSYNC_DATABASE_URL=" + c.DatabaseURL.Reveal(), "MKSYNC_DATA_DIR=" + c.DataDir,
		"MKSYNC_INSTANCE=" + c.Instance,
		"MKSYNC_SLOT=" + c.Slot, "MKSYNC_PUBLICATION=" + c.Publication,
		"MKSYNC_METAKOCKA_URL=" + c.MetaKockaURL, "MKSYNC_METAKOCKA_COMPANY_ID=" + c.MetaKockaCompanyID,
		"MKSYNC_METAKOCKA_SECRET_KEY=" + c.MetaKockaSecretKey.Reveal(),
		"MKSYNC_METAKOCKA_TIMEOUT=" + c.MetaKockaTimeout.String(), "MKSYNC_METAKOCKA_SETTLE=" + c.MetaKockaSettle.String(),
		"MKSYNC_HEARTBEAT_INTERVAL=" + c.HeartbeatInterval.String(),
		"MKSYNC_POLL_INTERVAL=" + c.PollInterval.String(), "MKSYNC_HTTP_ADDR=" + c.HTTPAddr,
		"MKSYNC_NATS_URL=" + c.NATSURL.Reveal(), "MKSYNC_LOG_FORMAT=text", "MKSYNC_LOG_LEVEL=info",
		fmt.Sprintf("MKSYNC_MAX_DELETES=%d", c.MaxDeletes), fmt.Sprintf("MKSYNC_AUTO_IMPORT=%t", c.AutoImport),
		"MKSYNC_NATS_SYNC_INTERVAL=" + c.NATSSyncInterval.String(), fmt.Sprintf("MKSYNC_STREAM_REPLICAS=%d", c.StreamReplicas),
	}

	// What is set is no question any more for mksync init.
	if c.FirstSync != usual.FirstSync {
		env = append(env, "MKSYNC_FIRST_SYNC="+c.FirstSync)
	}
	if c.Schema != usual.Schema {
		env = append(env, "MKSYNC_SCHEMA="+c.Schema)
	}
	if c.ContactsTable != usual.ContactsTable {
		env = append(env, "MKSYNC_CONTACTS_TABLE="+c.ContactsTable)
	}
	return env
}
