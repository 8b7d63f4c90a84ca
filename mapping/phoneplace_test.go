package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhichNumberIsOurs(t *testing.T) {
	t.Parallel()
	base := func(in, other, number string) Base {
		return Base{Partner: Contact{Phone: number}, Phone: PhonePlace{In: in, Other: other}}
	}
	const mobile, landline, third = "041 100 200", "01 222 33 44", "031 555 666"
	for name, tc := range map[string]struct {
		base       Base
		number     string // the contact's
		phone, gsm string
		in, reads  string
	}{
		"none":                                {Base{}, mobile, "", "", "", ""},
		"the only one":                        {Base{}, mobile, "", third, inGSM, third},
		"a filler is none":                    {Base{}, "", "-", mobile, inGSM, mobile},
		"first match by gsm":                  {Base{}, "+386 41 100 200", landline, mobile, inGSM, mobile},
		"first match by phone":                {Base{}, landline, landline, mobile, inPhone, landline},
		"first match by neither":              {Base{}, third, landline, mobile, inPhone, landline},
		"a base that does not name it":        {base("", "", mobile), third, landline, mobile, inGSM, mobile},
		"nor which, and the contact has both": {base("", "", landline), mobile, landline, mobile, inPhone, landline},
		"the ERP adds another":                {base(inGSM, "", mobile), mobile, landline, mobile, inGSM, mobile},
		"the ERP adds another and edits ours": {base(inGSM, "", mobile), mobile, landline, third, inGSM, third},
		"the ERP edits the other":             {base(inGSM, landline, mobile), mobile, third, mobile, inGSM, mobile},
		"ours is emptied":                     {base(inGSM, landline, mobile), mobile, landline, "", inGSM, ""},
		"ours stays ours when it is empty":    {base(inGSM, landline, ""), "", third, "", inGSM, ""},
		"ours is moved":                       {base(inGSM, "", mobile), mobile, mobile, "", inPhone, mobile},
		"ours is moved over the other":        {base(inGSM, landline, mobile), mobile, mobile, "-", inPhone, mobile},
		"ours is moved and edited":            {base(inPhone, "", landline), landline, "", third, inGSM, third},
		"both are emptied":                    {base(inGSM, landline, mobile), mobile, "", "/", "", ""},
	} {
		p := Partner{Phone: tc.phone, GSM: tc.gsm}.Linked(tc.base, tc.number)
		require.Equal(t, tc.in, p.PhoneIn, name)
		c, _ := FromPartner(p)
		require.Equal(t, tc.reads, c.Phone, name)
	}
	require.Equal(t, PhonePlace{}, Partner{Phone: landline, GSM: mobile}.PhonePlace(), "nobody is linked with it")
}

// Whatever the numbers, writing ours leaves the other one alone, and what was
// written is what is read.
func TestLawTheOtherNumberIsNotOurs(t *testing.T) {
	t.Parallel()
	number := rapid.SampledFrom([]string{"", "", "-", "041 100 200", "+386 41 100 200", "01 222 33 44", "031 555 666"})
	rapid.Check(t, func(t *rapid.T) {
		v := clean(FieldPhone, number.Draw(t, "new"))
		b := Base{Partner: Contact{Phone: clean(FieldPhone, number.Draw(t, "agreed"))}}
		b.Phone.In = rapid.SampledFrom([]string{"", inPhone, inGSM}).Draw(t, "in")
		p := Partner{Phone: number.Draw(t, "phone"), GSM: number.Draw(t, "gsm")}.Linked(b, number.Draw(t, "contact"))
		b.Phone = p.PhonePlace()
		_, other := p.numbers()

		written := ToPartner(Contact{Name: "Ana", Phone: v}, p, []Field{FieldPhone}, DefaultPolicy()).Linked(b, v)
		c, _ := FromPartner(written)
		require.Equal(t, v, c.Phone)
		if b.Phone.In != "" && written.PhoneIn != "" {
			_, still := written.numbers()
			require.Equal(t, other, still)
		}
		if b.Phone.In != "" {
			again := written.Linked(Base{Partner: Contact{Phone: v}, Phone: written.PhonePlace()}, "")
			require.Equal(t, written, again)
		}
	})
}
