package metakocka

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash names the partner's content. Two answers that say the same have the same
// hash, whatever the order of their keys, whether a value came as a string or as
// a number, a list of one as a list or bare, an empty attribute empty or missing.
func (p Partner) Hash() string {
	data, err := json.Marshal(p)
	if err != nil {
		// Only a hand-made Extra can hold what is not JSON.
		data, _ = json.Marshal(Partner{MKID: p.MKID, Customer: p.Customer})
	}
	tree, _ := decodeTree(data)
	canonical, _ := json.Marshal(canonicalTree(tree))
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// canonicalTree writes scalars as texts, unpacks lists of one and leaves out
// what is empty. nil means empty.
func canonicalTree(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return v
	case json.Number:
		return numberText(v.String())
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		return canonicalList(v)
	case map[string]any:
		return canonicalObject(v)
	default:
		return nil
	}
}

func canonicalList(list []any) any {
	out := make([]any, 0, len(list))
	for _, element := range list {
		if c := canonicalTree(element); c != nil {
			out = append(out, c)
		}
	}
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	default:
		return out
	}
}

func canonicalObject(object map[string]any) any {
	out := make(map[string]any, len(object))
	for key, value := range object {
		if c := canonicalTree(value); c != nil {
			out[key] = c
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
