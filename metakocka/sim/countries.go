package sim

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// slovenianCountry is the Slovenian name of a country that is named in a
// language MetaKocka's users write in.
func slovenianCountry(name string) (string, bool) {
	found, ok := countryNames()[strings.ToLower(strings.TrimSpace(name))]
	return found, ok
}

var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	slovenian := display.Regions(language.Slovenian)
	for _, region := range countries() {
		own := slovenian.Name(region)
		for _, tag := range []language.Tag{
			language.Slovenian, language.English, language.German, language.Croatian, language.Italian,
			language.French, language.Hungarian, language.Spanish, language.Czech, language.Polish,
		} {
			if name := display.Regions(tag).Name(region); name != "" {
				names[strings.ToLower(name)] = own
				names[strings.ToLower(strings.ReplaceAll(name, " & ", " and "))] = own
			}
		}
	}
	for alias, name := range map[string]string{
		"usa": "united states", "uk": "united kingdom", "great britain": "united kingdom",
		"czech republic": "czechia", "bosna in hercegovina": "bosnia & herzegovina",
	} {
		names[alias] = names[name]
	}
	return names
})

func countries() []language.Region {
	var out []language.Region
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			region, err := language.ParseRegion(string([]rune{a, b}))
			if err == nil && region.IsCountry() && region.String() == string([]rune{a, b}) {
				out = append(out, region)
			}
		}
	}
	return out
}
