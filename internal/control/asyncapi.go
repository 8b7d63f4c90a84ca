package control

import (
	"bytes"
	_ "embed"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/operations"
)

//go:embed asyncapi.yaml
var events []byte

// AsyncAPI is the description of everything that mksync says over NATS and can be
// asked there (AsyncAPI 3.0): asyncapi.yaml, and the operations as the code has
// them. docs/asyncapi.yaml is a copy.
func AsyncAPI() ([]byte, error) { return asyncAPI() }

// asyncAPI writes it once, for it takes a while.
var asyncAPI = sync.OnceValues(writeAsyncAPI)

func writeAsyncAPI() ([]byte, error) {
	var doc struct {
		AsyncAPI   string `yaml:"asyncapi"`
		Info       object
		Default    string `yaml:"defaultContentType"`
		Servers    object
		Channels   object
		Operations object
		Components struct{ Messages, Schemas object }
	}
	if err := yaml.Unmarshal(events, &doc); err != nil {
		return nil, fmt.Errorf("read asyncapi.yaml: %w", err)
	}

	s := schemas{"#/components/schemas/", doc.Components.Schemas}
	for _, t := range []reflect.Type{reflect.TypeFor[event.PartnerEvent](), reflect.TypeFor[operations.Progress](), reflect.TypeFor[syncer.RequestError]()} {
		s.refer(t)
	}

	doc.Channels["replies"] = object{
		"address": nil, "description": "the subject that the request names for its answer", "messages": object{},
	}
	for _, e := range operations.Endpoints() {
		s.describe(e, doc.Channels, doc.Operations, doc.Components.Messages)
	}

	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("write AsyncAPI description: %w", err)
	}
	return out.Bytes(), nil
}

// describe adds an operation: a channel to ask on, and a message each way.
func (s *schemas) describe(e operations.Endpoint, channels, ops, messages object) {
	name := camel(e.Subject())
	request, answer := e.Types()
	asked, answered := name+"Request", name+"Reply"
	messages[asked] = object{
		"headers": ref("components/schemas/RequestHeaders"), "payload": s.refer(request),
	}

	messages[answered] = object{
		"headers": ref("components/schemas/ReplyHeaders"),
		"payload": object{"oneOf": []any{
			object{
				"type": "object", "additionalProperties": false, "required": []any{"success", "data"},
				"properties": object{"success": object{"const": true}, "data": s.refer(answer)},
			},
			ref("components/schemas/Failure"),
		}},
	}

	channels[name] = object{
		"address": subjectPrefix + e.Subject(), "description": "Micro service endpoint " + endpointName(e) + ".",
		"messages": object{asked: ref("components/messages/" + asked)},
	}

	replies, _ := channels["replies"].(object)
	all, _ := replies["messages"].(object)
	all[answered] = ref("components/messages/" + answered)

	ops[name] = object{
		"action": "receive", "summary": operations.About(e), "channel": ref("channels/" + name),
		"messages": []any{ref("channels/" + name + "/messages/" + asked)},
		"reply": object{
			"channel": ref("channels/replies"), "messages": []any{ref("channels/replies/messages/" + answered)},
		},
	}
}

// camel is an operation's name as an identifier: contacts.bulk-sync is contactsBulkSync.
func camel(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' })
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

func ref(to string) object { return object{"$ref": "#/" + to} }
