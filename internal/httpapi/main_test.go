package httpapi

import (
	"net/http"
	"testing"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestMain(m *testing.M) {
	transport, _ := http.DefaultTransport.(*http.Transport)
	http.DefaultClient.Transport = checkedTransport{transport.Clone()}
	testenv.Main(m)
}
