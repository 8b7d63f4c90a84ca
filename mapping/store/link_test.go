package store

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// TestWhatIsOver: what joins nothing any more, and what a person may still decide.
func TestWhatIsOver(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		require.Equal(t, s != StatusDeleted && s != StatusUnlinked, s.Alive(), s)
	}
	for _, s := range []DeletionStatus{DeletionApplied, DeletionHeld, DeletionApproved, DeletionRejected, DeletionVoid} {
		require.Equal(t, s == DeletionHeld || s == DeletionApproved, s.Open(), s)
	}
	for _, s := range []JobStatus{JobQueued, JobRunning, JobDone, JobFailed, JobCancelled} {
		require.Equal(t, s == JobQueued || s == JobRunning, s.Open(), s)
	}
}

// TestWhatEarlierVersionsStoredIsRead: a decision as a side alone, an error in words alone.
func TestWhatEarlierVersionsStoredIsRead(t *testing.T) {
	t.Parallel()
	var l Link
	require.NoError(t, json.Unmarshal([]byte(`{"overrides":{"phone":"crm","email":{"take":"metakocka","crm":"a@b.si"}},"lastError":"it is so"}`), &l))
	require.Equal(t, map[mapping.Field]Decision{phone: {Take: mapping.SideCRM}, email: {Take: mapping.SideMetaKocka, CRM: text("a@b.si")}}, l.Overrides)
	require.Equal(t, "it is so", l.LastError.String())

	d := Decision{Take: mapping.SideCRM, Partner: text("1")}
	require.NoError(t, json.Unmarshal([]byte(`"metakocka"`), &d))
	require.Equal(t, Decision{Take: mapping.SideMetaKocka}, d, "nothing of what was there before is left")

	said := Link{ContactID: "c1", LastError: coded.Say("note.match.name", "partner {partner}", "7001")}
	stored, err := json.Marshal(said)
	require.NoError(t, err)
	l = Link{}
	require.NoError(t, json.Unmarshal(stored, &l))
	require.Equal(t, said.LastError.String(), l.LastError.String())
	require.Equal(t, said.LastError.Code, l.LastError.Code)
}

// TestADecisionHoldsForItsValues: for those that the person saw, and where both sides agree.
func TestADecisionHoldsForItsValues(t *testing.T) {
	t.Parallel()
	seen := Decision{Take: mapping.SideCRM, CRM: text("041 222 333"), Partner: text("040 111 222")}
	require.True(t, seen.Holds(phone, "+386 41 222 333", "040111222"), "formatting is no change")
	require.False(t, seen.Holds(phone, "031 000 111", "040 111 222"))
	require.False(t, seen.Holds(phone, "041 222 333", "031 000 111"))
	require.True(t, seen.Holds(phone, "031 000 111", "031 000 111"))
	require.True(t, Decision{Take: mapping.SideCRM}.Holds(phone, "1", "2"))
}

func TestTheBaseOfALink(t *testing.T) {
	t.Parallel()
	other, own := mapping.Base{CRM: mapping.Contact{Name: "other"}}, mapping.Base{CRM: mapping.Contact{Name: "own"}}
	require.Equal(t, other, *(*Link)(nil).BaseOr(other))
	require.Equal(t, other, *(&Link{}).BaseOr(other))
	require.Equal(t, own, *(&Link{Base: &own}).BaseOr(other))
}

// TestFreedKeys: when a link gives up what others are held for.
func TestFreedKeys(t *testing.T) {
	t.Parallel()
	ana, lan := mapping.Contact{Email: "ana@zora.si"}, mapping.Contact{Email: "lan@zora.si"}
	link := func(change func(*Link)) Link {
		l := Link{MetaKockaID: "p1", Status: StatusSynced, Base: &mapping.Base{CRM: ana, Partner: ana}}
		change(&l)
		return l
	}
	as := link(func(*Link) {})
	with := func(crm, partner mapping.Contact) Link {
		return link(func(l *Link) { l.Base = &mapping.Base{CRM: crm, Partner: partner} })
	}

	keys := []string{"email ana@zora.si"}
	for name, c := range map[string]struct {
		was, now Link
		want     []string
	}{
		"nothing happens":           {as, as, nil},
		"other values, no key":      {as, with(mapping.Contact{Email: "ana@zora.si", Phone: "1"}, ana), nil},
		"unlinked":                  {as, link(func(l *Link) { l.Status = StatusUnlinked }), keys},
		"gone before":               {link(func(l *Link) { l.Status = StatusDeleted }), link(func(l *Link) { l.Status = StatusUnlinked }), nil},
		"another partner":           {as, link(func(l *Link) { l.MetaKockaID = "p2" }), keys},
		"another key, of the CRM":   {as, with(lan, ana), keys},
		"another key, of the other": {as, with(ana, lan), keys},
		"the first base":            {link(func(l *Link) { l.Base = nil }), as, nil},
		"what it was held for": {
			link(func(l *Link) { l.HeldKeys = []string{"tax 50223054", "email ana@zora.si"} }), link(func(l *Link) { l.Status = StatusDeleted }),
			[]string{"email ana@zora.si", "tax 50223054"},
		},
		"what was just being sent": {
			link(func(l *Link) {
				l.Base = nil
				l.Intent = &Intent{Partner: mapping.Partner{Customer: "Lan", Email: "lan@zora.si"}}
			}),
			link(func(l *Link) { l.Status = StatusDeleted }),
			[]string{"email lan@zora.si", "name lan"},
		},
	} {
		require.Equal(t, c.want, Freed(c.was, c.now), name)
	}

	id, ok := WaitsFor(WaitFor("c1"))
	require.True(t, ok)
	require.Equal(t, "c1", id)
	_, ok = WaitsFor("email contact@zora.si")
	require.False(t, ok)
}

// TestWhatAPollShouldBringAgain: not what is gone, and not what is held for gone.
func TestWhatAPollShouldBringAgain(t *testing.T) {
	t.Parallel()
	seen := map[string]SeenPartner{"1": {}, "2": {Missing: true}, "3": {Held: true}, "4": {Linked: true, Hash: "h"}}
	require.Equal(t, map[string]bool{"1": true, "4": true}, Expected(seen))
}

// TestAnotherProposalIsAnotherVersion: an approval holds for one only.
func TestAnotherProposalIsAnotherVersion(t *testing.T) {
	t.Parallel()
	p := Proposal{Does: ProposeLink, MetaKockaID: "p1", Version: "v1", XID: 7}
	require.True(t, p.Same(&Proposal{Does: ProposeLink, MetaKockaID: "p1", Version: "v1"}))
	require.False(t, p.Same(nil))
	require.False(t, p.Same(&Proposal{Does: ProposeImport, MetaKockaID: "p1", Version: "v1"}))
	require.False(t, p.Same(&Proposal{Does: ProposeLink, MetaKockaID: "p2", Version: "v1"}))
	require.False(t, p.Same(&Proposal{Does: ProposeLink, MetaKockaID: "p1", Version: "v2"}))
}
