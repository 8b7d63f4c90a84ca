package console

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/syncer/operations"
)

// names are what contacts and partners are called.
type names struct{ operations.Names }

// Contact is a contact's name, or its id where it has none that is known.
func (n names) Contact(id string) string {
	if name := n.Contacts[id]; name != "" {
		return name
	}
	return id
}

// Partner is a partner's name, or its id.
func (n names) Partner(id string) string {
	if name := n.Partners[id]; name != "" {
		return name
	}
	return id
}

// names asks what they are called.
func (c *Console) names(ctx context.Context, contacts, partners []string) (names, error) {
	found, err := operations.OpNames.Ask(ctx, c.API, operations.NamesRequest{ContactIDs: distinct(contacts), MetaKockaIDs: distinct(partners)})
	return names{found}, err
}

func distinct(ids []string) []string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}
