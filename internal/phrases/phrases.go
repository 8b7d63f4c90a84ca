// Package phrases says things to people in their language: reasons and problems, which are
// codes with parameters, and the texts of the console and of messages.
//
// The texts are files of go-i18n under texts, one for each section and language: a text's id
// begins with its section, {{.name}} stands for a parameter, and a text that counts has each
// plural form of its language, chosen by {{.n}}. A new text is a line in each language's file;
// the tests refuse one that a language lacks, whose parameters differ, or that nothing uses.
package phrases

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// Language is one that texts are in.
type Language string

// The languages.
const (
	English   Language = "en"
	Slovenian Language = "sl"
)

// Languages are all languages; the first is shown to whoever asks for none of them.
func Languages() []Language { return []Language{English, Slovenian} }

// Choose is the language that fits an Accept-Language header best.
func Choose(accepted string) Language {
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		return English
	}
	_, i, confidence := matcher.Match(wanted...)
	if confidence < language.High { // a relative of Slovenian is another language
		return English
	}
	return Languages()[i]
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Slovenian})

// Text is the text of an id, with parameters: a name and its value, a name and its value, and
// so on. What cannot be said shows its id.
func (l Language) Text(id string, params ...any) string {
	return l.say(&i18n.LocalizeConfig{MessageID: id, TemplateData: pairs(params)})
}

// Count is the text of an id in the form that n of something have; {{.n}} is n.
func (l Language) Count(id string, n int, params ...any) string {
	data := pairs(params)
	data["n"] = n
	return l.say(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: data})
}

// Has reports whether there is a text with the id.
func Has(id string) bool {
	_, err := localizers()[English].Localize(&i18n.LocalizeConfig{MessageID: id, TemplateParser: template.IdentityParser{}})
	return err == nil
}

func pairs(params []any) map[string]any {
	data := make(map[string]any, len(params)/2+1)
	for i := 1; i < len(params); i += 2 {
		data[fmt.Sprint(params[i-1])] = params[i]
	}
	return data
}

// parser refuses a text whose parameter is not given.
var parser = &template.TextParser{Option: "missingkey=error"}

func (l Language) say(c *i18n.LocalizeConfig) string {
	localizer, known := localizers()[l]
	if !known {
		localizer = localizers()[English]
	}
	c.TemplateParser = parser
	text, err := localizer.Localize(c)
	if text == "" && err != nil {
		return c.MessageID
	}
	return text
}

//go:embed texts/*.yaml
var texts embed.FS

// localizers are read when the first text is asked for: most commands say none.
var localizers = sync.OnceValue(load)

// load reads the texts, which are part of the program.
func load() map[Language]*i18n.Localizer {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	files, err := texts.ReadDir("texts")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		if _, err := bundle.LoadMessageFileFS(texts, "texts/"+f.Name()); err != nil {
			panic(err)
		}
	}

	of := map[Language]*i18n.Localizer{}
	for _, l := range Languages() {
		of[l] = i18n.NewLocalizer(bundle, string(l))
	}
	return of
}

// capital begins a sentence.
func capital(text string) string {
	for _, first := range text {
		return strings.ToUpper(string(first)) + text[len(string(first)):]
	}
	return ""
}
