package proposal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// texts are columns of texts.
func texts(names ...string) (all []Column) {
	for _, n := range names {
		all = append(all, Column{Name: n, Type: "text", Base: "text", Category: "S"})
	}
	return all
}

func key(name, base string) Column {
	return Column{Name: name, Type: base, Base: base, Category: "U", NotNull: true, Unique: true, Primary: true}
}

func table(name string, columns ...Column) Table {
	return Table{Schema: "public", Name: name, Columns: columns}
}

// TestWhichColumnNamesAContact: the primary key where mksync takes its type, else another that
// can be one and is called so; an e-mail may change its meaning.
func TestWhichColumnNamesAContact(t *testing.T) {
	t.Parallel()
	unique := key("id", "uuid")
	unique.Primary = false
	named := func(c Column, name string) Column { c.Name = name; return c }
	nullable := unique
	nullable.NotNull = false
	shared := unique
	shared.Unique = false
	for _, c := range []struct {
		columns []Column
		is      string
	}{
		{[]Column{named(unique, "code"), key("no", "bigint")}, "no"},
		{[]Column{named(unique, "uuid"), key("no", "numeric")}, "uuid"},
		{[]Column{named(unique, "šifra stranke"), named(unique, "šifra")}, "šifra"},
		{[]Column{named(unique, "idPartner")}, "idPartner"},
		{[]Column{named(unique, "email")}, ""},
		{[]Column{nullable}, ""},
		{[]Column{shared}, ""},
		{[]Column{named(unique, "§")}, ""},
		{nil, ""},
	} {
		got, has := table("contacts", c.columns...).key()
		require.Equal(t, []any{c.is, c.is != ""}, []any{got.Name, has})
	}
}

// TestWhichTablesAreCandidates: the likeliest first; neither logs, nor tables of whoever logs
// in, nor mksync's own, nor what says too little. Why one is unfit is said.
func TestWhichTablesAreCandidates(t *testing.T) {
	t.Parallel()
	with := func(names ...string) []Column { return append([]Column{key("id", "uuid")}, texts(names...)...) }
	view, unlogged, quoted, elsewhere := table("people", with("name", "email")...), table("clients", with("name", "email")...), table("my contacts", with("name", "email")...), table("partners", with("name", "email", "phone")...)
	view.View, unlogged.Unlogged, elsewhere.Schema = true, true, "sales"
	d := Database{Role: "mksync", Tables: []Table{
		table("users", with("name", "email", "phone", "password_hash")...),
		table("contacts_log", with("name", "email", "phone")...),
		table("t7", with("ime", "email", "gsm", "davcna")...), // its columns say it all
		table("customers", with("name", "email")...),
		table("contacts", with("name")...), // its name says it all
		table("accounts", with("name", "website")...),
		table("mksync_contacts", with("name", "email", "phone", "tax_number")...),
		table("stranke", texts("name", "email")...),
		table("osebe", with("email", "phone")...),
		view, unlogged, quoted, elsewhere,
	}}
	var names []string
	for _, c := range d.Candidates() {
		require.Equal(t, "id", c.Key.Name)
		require.NotContains(t, c.is.left, c.Key, "the key is nothing else")
		names = append(names, c.Table.Name)
	}
	require.Equal(t, []string{"partners", "customers", "contacts", "t7"}, names)

	for name, says := range map[string]string{
		"people": "a view", "public.clients": "unlogged, or foreign", "stranke": "no column of it can be the key", "osebe": "no column of it looks like a name",
		"my contacts": "a dot, a quote or a space", "nothing": `there is no table nothing, or role "mksync" may not see it`, "sales.contacts": "there is no table",
	} {
		_, err := d.Named(name)
		require.ErrorContains(t, err, says)
	}
	found, err := d.Named("accounts")
	require.NoError(t, err, "whoever names it knows")
	require.Equal(t, "public.accounts", found.Table.FullName())
	var unsuited []string
	for _, line := range d.Unsuited() {
		unsuited = append(unsuited, line[:len("public.xxxx")])
	}
	require.Equal(t, []string{"public.stra", "public.oseb", "public.peop", "public.clie", "public.my c"}, unsuited)

	// Who is nearly as likely might be the right one.
	of := func(scores ...int) (n int) {
		all := make([]Candidate, len(scores))
		for i, s := range scores {
			all[i].Score = s
		}
		return len(Alike(all))
	}
	require.Equal(t, []int{0, 1, 2, 1, 3}, []int{of(), of(70), of(70, 58), of(70, 57), of(70, 69, 58, 40)})
}

// TestWhatColumnsAreTakenFor: a name in two needs both, an address beside a city is the street,
// and a column whose type cannot hold a value is not taken.
func TestWhatColumnsAreTakenFor(t *testing.T) {
	t.Parallel()
	typed := func(name, base, category string) Column { return Column{Name: name, Base: base, Category: category} }
	for _, c := range []struct {
		columns []Column
		is      map[role]string
	}{
		{texts("first_name", "last_name"), map[role]string{roleGiven: "first_name", roleFamily: "last_name"}},
		{texts("first_name", "last_name", "naziv"), map[role]string{roleGiven: "first_name", roleFamily: "last_name", roleCompany: "naziv"}},
		{texts("first_name", "last_name", "full_name"), map[role]string{roleGiven: "first_name", roleFamily: "last_name", roleWhole: "full_name"}},
		{texts("first_name", "last_name", "naziv", "company"), map[role]string{roleGiven: "first_name", roleFamily: "last_name", roleWhole: "naziv", roleCompany: "company"}},
		{texts("first_name"), map[role]string{roleWhole: "first_name"}},
		{texts("last_name"), map[role]string{roleWhole: "last_name"}},
		{texts("last_name", "full_name"), map[role]string{roleWhole: "full_name"}},
		{texts("address"), map[role]string{roleAddress: "address"}},
		{texts("address", "city"), map[role]string{roleStreet: "address", roleCity: "city"}},
		{texts("street"), map[role]string{roleAddress: "street"}},
		{texts("street", "zip"), map[role]string{roleStreet: "street", rolePostal: "zip"}},
		{[]Column{typed("email", "bigint", "N"), typed("zip", "integer", "N"), typed("phone", "text[]", "A")}, map[role]string{rolePostal: "zip"}},
		{[]Column{typed("updated_at", "date", "D"), typed("deleted_at", "timestamp with time zone", "D")}, map[role]string{roleDeleted: "deleted_at"}},
		{[]Column{typed("updated_at", "timestamp with time zone", "D"), typed("is_deleted", "boolean", "B")}, map[role]string{roleUpdated: "updated_at", roleDeleted: "is_deleted"}},
		{[]Column{typed("updated_at", "timestamp without time zone", "D"), typed("org_id", "boolean", "B")}, map[role]string{roleUpdated: "updated_at"}},
		{[]Column{{Name: "city", Base: "integer", Category: "N", Refers: "cities"}, {Name: "zip", Base: "integer", Category: "N", Refers: "posts"}, {Name: "country", Category: "S", Refers: "countries"}}, map[role]string{}},
	} {
		got := map[role]string{}
		for r, column := range taken(table("contacts", c.columns...)).of {
			got[r] = column.Name
		}
		require.Equal(t, c.is, got, "%+v", c.columns)
	}
}
