package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
)

// TestAColumnThatIsNamedIsMissed: not one that no contacts table needs to have, nor of a
// field that is off.
func TestAColumnThatIsNamedIsMissed(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	place := func(f mapping.Field, direction mapping.Direction, column string, also ...string) {
		cfg.Fields[f] = config.Field{Column: column, Also: also, FieldPolicy: mapping.FieldPolicy{Direction: direction}}
	}
	place(mapping.FieldPhone, mapping.DirectionBoth, "gsm")
	place(mapping.FieldEmail, mapping.DirectionToCRM, "email", "mail")
	place(mapping.FieldNotes, mapping.DirectionOff, "opombe")
	require.Equal(t, []string{"email (email, mail)", "phone (gsm)"}, columnsGone(cfg, []mapping.Field{mapping.FieldName}))
	require.Empty(t, columnsGone(cfg, []mapping.Field{mapping.FieldName, mapping.FieldPhone, mapping.FieldEmail}))
}

func TestColumnsThatComeAndGoAreSaid(t *testing.T) {
	t.Parallel()
	s := &Service{Config: config.Default()}
	require.Equal(t, "column notes is gone, notes is no longer synced", s.fieldChange(mapping.Fields(), []mapping.Field{
		mapping.FieldName, mapping.FieldCompanyName, mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress,
		mapping.FieldCountry, mapping.FieldTaxNumber, mapping.FieldWebsite,
	}))
	require.Equal(t, "column notes is there, notes is synced from now on", s.fieldChange([]mapping.Field{
		mapping.FieldName, mapping.FieldCompanyName, mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress,
		mapping.FieldCountry, mapping.FieldTaxNumber, mapping.FieldWebsite,
	}, mapping.Fields()))
}
