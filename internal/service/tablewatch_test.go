package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
)

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
