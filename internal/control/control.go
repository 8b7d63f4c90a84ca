// Package control answers requests over NATS, as the micro service "mksync".
// Several processes share the load.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/crmmind/mksync/syncer"
)

// SubjectStatus is the request that `mksync status` makes.
const SubjectStatus = "mksync.status"

// ErrNoService: no running service answered.
var ErrNoService = errors.New("no running mksync service answers on NATS")

const answerTimeout = 5 * time.Second

// Service is the micro service. It is made for one Run.
type Service struct {
	nc      *nats.Conn
	version string
	status  func(ctx context.Context) syncer.Status
	log     *slog.Logger
}

// New returns a service that Run starts.
func New(nc *nats.Conn, version string, status func(ctx context.Context) syncer.Status, log *slog.Logger) *Service {
	return &Service{nc: nc, version: version, status: status, log: log}
}

// Run answers requests until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	svc, err := micro.AddService(s.nc, micro.Config{
		Name: "mksync", Version: s.version, Description: "two-way sync of CRM contacts and MetaKocka partners",
	})
	if err != nil {
		return fmt.Errorf("start NATS service: %w", err)
	}
	err = svc.AddEndpoint("status", micro.HandlerFunc(func(r micro.Request) {
		ask, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		if err := r.RespondJSON(s.status(ask)); err != nil {
			s.log.Debug("answer status request", "error", err)
		}
	}), micro.WithEndpointSubject(SubjectStatus))
	if err != nil {
		return fmt.Errorf("start NATS service: %w", err)
	}
	<-ctx.Done()
	return svc.Stop()
}

// AskStatus asks a running service how it stands.
func AskStatus(ctx context.Context, nc *nats.Conn) (syncer.Status, error) {
	var s syncer.Status
	m, err := nc.RequestWithContext(ctx, SubjectStatus, nil)
	if errors.Is(err, nats.ErrNoResponders) {
		return s, ErrNoService
	}
	if err != nil {
		return s, fmt.Errorf("ask for status: %w", err)
	}
	if err := json.Unmarshal(m.Data, &s); err != nil {
		return s, fmt.Errorf("read status: %w", err)
	}
	return s, nil
}
