package work

import (
	"context"
	"encoding/json"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Puller brings the partners' changes to the CRM.
type Puller struct {
	bus        *bus.Bus
	reconciler *syncer.Reconciler
	gate       *syncer.Gate
	cfg        WorkerConfig
}

// NewPuller returns a ready Puller.
func NewPuller(b *bus.Bus, r *syncer.Reconciler, gate *syncer.Gate, cfg WorkerConfig) *Puller {
	return &Puller{bus: b, reconciler: r, gate: gate, cfg: cfg}
}

// Run works until ctx ends.
func (p *Puller) Run(ctx context.Context) error {
	return p.bus.Consume(ctx, consumer(bus.StreamPartners, event.ConsumerPuller, positive(p.cfg.Workers, 4), p.cfg, p.gate), p.cfg.kept(p.handle))
}

func (p *Puller) handle(ctx context.Context, w *bus.Work) error {
	metakockaID, newest := w.Key, w.Deliveries[len(w.Deliveries)-1]
	var ev event.PartnerEvent
	if err := json.Unmarshal(newest.Data, &ev); err != nil {
		p.gate.Report(nil)
		return bus.Reject(coded.Say("note.event.unreadable", "event of partner {partner} cannot be read: {words}", metakockaID, err))
	}
	if subject := newest.Subject; !ev.Tells(metakockaID, subject) {
		return settle(p.reconciler, p.gate, metakockaID, &syncer.RejectError{Reason: foreignMessage(subject)})
	}
	_, err := p.reconciler.Partner(ctx, metakockaID, syncer.Trigger{
		Cause: syncer.CausePartner, Work: w, Observed: ev.Partner, SeenAt: ev.SeenAt, SeenAfter: ev.After, Missing: ev.Partner == nil, Back: ev.Back, EventID: newest.Header.Get(event.HeaderID),
	})
	return settle(p.reconciler, p.gate, metakockaID, err)
}
