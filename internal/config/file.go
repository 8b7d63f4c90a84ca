package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile applies a YAML file.
func (l *loader) readFile(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		l.add("", "configuration file", err.Error())
		return
	}
	l.readText(path, text)
}

// readText applies the text of a YAML file. It is strict: a key nobody knows, one that
// is there twice and a value of the wrong shape are problems, each with its line.
func (l *loader) readText(path string, text []byte) {
	root, err := parseYAML(text)
	if err != nil {
		l.add("", path, err.Error())
		return
	}
	if root != nil {
		(&fileReader{loader: l, name: filepath.Base(path)}).readRoot(root)
	}
}

// parseYAML returns the file's one document, nil for an empty file.
func parseYAML(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file holds nothing
	} else if err != nil {
		return nil, fmt.Errorf("read yaml: %w", err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	root := document.Content[0]
	if root.Tag == "!!null" {
		return nil, nil //nolint:nilnil // a file of comments holds nothing
	}
	return root, nil
}

// fileReader applies the nodes of one file.
type fileReader struct {
	*loader
	name string
}

// entry is one key with its value.
type entry struct {
	key   string
	value *yaml.Node
	where string
}

// entries are the pairs of a mapping; what is no mapping, and a key that is
// there twice, are problems.
func (r *fileReader) entries(node *yaml.Node, what string) []entry {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		r.add("", r.line(node, what), "expected `key: value` lines")
		return nil
	}
	var list []entry
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		e := entry{key.Value, resolve(node.Content[i+1]), r.line(key, join(what, key.Value))}
		if slices.ContainsFunc(list, func(o entry) bool { return o.key == e.key }) {
			r.add("", e.where, "given twice")
			continue
		}
		list = append(list, e)
	}
	return list
}

// line names a place in the file.
func (r *fileReader) line(node *yaml.Node, what string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s line %d: %s", r.name, node.Line, what), ": ")
}

// readRoot applies the whole file.
func (r *fileReader) readRoot(root *yaml.Node) {
	known := map[string][]string{"": {"fields", "filter", "insert", alertsSection}} // by section
	byKey := map[string]setting{}
	for _, s := range settings(&r.config) {
		section, key := inSection(s.key)
		known[section] = append(known[section], key)
		byKey[s.key] = s
		if s.isSecret() {
			known[section] = append(known[section], key+"_file")
		}
	}

	given := map[string]entry{}
	r.readSection(root, "", known[""], given)
	if alerts, ok := given[alertsSection]; ok {
		r.readSection(alerts.value, alertsSection, known[alertsSection], given)
	}

	// In an order that is the same each time, as the problems are told in it.
	for _, key := range sortedKeys(byKey) {
		r.readSetting(byKey[key], given[key], given[key+"_file"])
	}

	if fields, ok := given["fields"]; ok {
		r.readFields(fields)
	}
	if filter, ok := given["filter"]; ok {
		r.readFilter(filter)
	}
	if insert, ok := given["insert"]; ok {
		r.readInsert(insert)
	}
}

// inSection parts a setting's key.
func inSection(key string) (section, name string) {
	section, name, is := strings.Cut(key, ".")
	if !is {
		return "", key
	}
	return section, name
}

// readSection adds what a section gives, by the whole key.
func (r *fileReader) readSection(node *yaml.Node, section string, known []string, given map[string]entry) {
	if resolve(node).Tag == "!!null" {
		return // a section of comments
	}
	for _, e := range r.entries(node, section) {
		given[join(section, e.key)] = e
		if !slices.Contains(known, e.key) {
			r.add("", e.where, "unknown key"+Suggestion(e.key, known))
		}
	}
}

// readSetting applies a setting that is there, be it as a value or as a file.
func (r *fileReader) readSetting(s setting, value, file entry) {
	text, ok := r.scalar(s.key, value)
	if !s.isSecret() {
		if ok {
			r.apply(s, value.where, text)
		}
		return
	}
	fileName, _ := r.scalar(s.key, file)
	r.applySecret(s, value.where, text, file.where, fileName)
}

// scalar is the text of a single value; not ok when it is not there or empty.
func (r *fileReader) scalar(key string, e entry) (string, bool) {
	if e.value == nil || e.value.Tag == "!!null" {
		return "", false
	}
	if e.value.Kind != yaml.ScalarNode {
		r.add(key, e.where, "expected a single value")
		return "", false
	}
	return e.value.Value, true
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
