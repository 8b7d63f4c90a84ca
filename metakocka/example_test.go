package metakocka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// A client of the simulator, which answers as MetaKocka does: a partner is made, read, and
// another one is not found.
func ExampleClient() {
	simulator := sim.New(sim.Options{})
	defer simulator.Close()
	server := httptest.NewServer(simulator)
	defer server.Close()

	client, err := metakocka.New(metakocka.Config{
		URL: server.URL + sim.BasePath, CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	added, err := client.Add(ctx, metakocka.NewPartner{Customer: "Ana Novak", Buyer: true}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	partner, err := client.Get(ctx, added.MKID)
	fmt.Println(partner.Customer, err)
	_, err = client.Get(ctx, "no such id")
	fmt.Println(errors.Is(err, metakocka.ErrNotFound))
	// Output:
	// Ana Novak <nil>
	// true
}
