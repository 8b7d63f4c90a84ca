package replay

import (
	"testing"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
