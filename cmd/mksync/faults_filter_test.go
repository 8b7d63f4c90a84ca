package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// filterConfig leaves out contacts that are inactive, and those that are deleted softly.
const filterConfig = `filter:
  - active: true
  - deleted_at: null
`

// filterContacts makes the columns of the filter and returns the file that sets it.
func (st *storm) filterContacts() (path string) {
	st.exec("ALTER TABLE contacts ADD COLUMN active boolean NOT NULL DEFAULT true, ADD COLUMN deleted_at timestamptz")
	path = filepath.Join(st.t.TempDir(), "mksync.yaml")
	require.NoError(st.t, os.WriteFile(path, []byte(filterConfig), 0o600))
	return path
}

// cross takes a person out of the filter, or back into it. Both sides edit all the same
// who is left out.
func (c *crowd) cross(p *citizen) {
	if p == nil || p.id == "" {
		return
	}
	c.edits.crossed++
	p.out = !p.out
	set := "active = true, deleted_at = NULL"
	if p.out {
		set = []string{"active = false", "deleted_at = now()", "active = false, deleted_at = now()"}[c.rand.IntN(3)]
	}
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("UPDATE contacts SET %s, updated_at = now() WHERE id = $1", set), p.id)
		return err
	})
}

// comeBack brings everybody back who is left out.
func (c *crowd) comeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		if p.out && !p.gone {
			c.cross(p)
		}
	}
}
