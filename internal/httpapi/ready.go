package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ReadyTimeout is how long a service may take to say whether it is ready: as long as it
// looks, and a moment for the way.
const ReadyTimeout = statusTimeout + 2*time.Second

// NotReadyError is what keeps a service from its work, in its own words.
type NotReadyError []string

func (e NotReadyError) Error() string { return "not ready: " + strings.Join(e, "; ") }

// Ready asks the service that listens on addr, as MKSYNC_HTTP_ADDR has it, whether its
// roles do their work. The answer is a NotReadyError where they do not.
func Ready(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	// No proxy lies on the way to a service of this machine.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return errors.Unwrap(err) // without the address, which the caller knows
	}
	defer func() { _ = resp.Body.Close() }()

	var answer struct {
		Status   string   `json:"status"`
		Problems []string `json:"problems"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostHeader))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case json.Unmarshal(body, &answer) != nil || answer.Status == "":
		return fmt.Errorf("what answers is no mksync: %s", resp.Status)
	case len(answer.Problems) > 0:
		return NotReadyError(answer.Problems)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
