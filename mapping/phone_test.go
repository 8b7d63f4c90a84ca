package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPhoneAttribute(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		gsm, phone string
		target     string
		wantGSM    string
		wantPhone  string
	}{
		{"first mobile", "", "", "041 123 456", "041 123 456", ""},
		{"first foreign mobile", "", "", "+385 91 123 4567", "+385 91 123 4567", ""},
		{"first landline", "", "", "01 234 56 78", "", "01 234 56 78"},
		{"first that cannot be read", "", "", "54367865463", "", "54367865463"},
		{"first that are two", "", "", "041 123 456, 051 234 567", "", "041 123 456, 051 234 567"},
		{"gsm keeps its attribute", "031 111 222", "", "01 234 56 78", "01 234 56 78", ""},
		{"phone keeps its attribute", "", "01 111 22 33", "041 123 456", "", "041 123 456"},
		{"phone is what is read", "031 111 222", "01 111 22 33", "041 123 456", "031 111 222", "041 123 456"},
		{"cleared gsm", "031 111 222", "", "", "", ""},
		{"cleared phone", "", "01 111 22 33", "", "", ""},
		{"a second number is not ours to clear", "031 111 222", "01 111 22 33", "", "031 111 222", ""},
	} {
		p := ToPartner(Contact{Name: "Ana", Phone: tc.target}, Partner{GSM: tc.gsm, Phone: tc.phone}, []Field{FieldPhone}, DefaultPolicy())
		require.Equal(t, tc.wantGSM, p.GSM, tc.name)
		require.Equal(t, tc.wantPhone, p.Phone, tc.name)
	}
}

func checkPhone(t require.TestingT, v string) {
	canonical := Canonical(FieldPhone, v)
	require.Equal(t, canonical, Canonical(FieldPhone, canonical), "%q", v)
	for _, old := range []Partner{{}, {GSM: "031 111 222"}, {Phone: "01 111 22 33"}} {
		p := ToPartner(Contact{Name: "Ana", Phone: v}, old, []Field{FieldPhone}, DefaultPolicy())
		back, _ := FromPartner(p)
		require.True(t, Equal(FieldPhone, v, back.Phone), "%q -> %+v", v, p)
	}
}

func TestPhoneRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkPhone(t, rapid.OneOf(rapid.String(), anyValue(FieldPhone), scrambled(FieldPhone)).Draw(t, "phone"))
	})
}

func FuzzPhone(f *testing.F) {
	for _, v := range samples[FieldPhone] {
		f.Add(v)
	}
	for _, v := range []string{"+386(0)41 123 456", "+39 0", "0039 02 1", "386386386", "+", "1x2", ";ext=1", "00", "+800 1234 5678", "112", "tel: 01 234 56 78#3"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) { checkPhone(t, v) })
}
