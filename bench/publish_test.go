package main

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// pattern is messages as a stream of mksync's holds them.
func pattern() (like []likeness) {
	for _, ordinal := range "0123456789" {
		id := "7301245678901234567-0/16B3748-19999" + string(ordinal)
		like = append(like, likeness{Data: []byte(id), Header: map[string]string{
			nats.MsgIdHdr: id, nats.ExpectedLastMsgIdHdr: "of another", "ce-id": id, "ce-type": "crm.contacts.insert",
		}})
	}
	return like
}

func TestMadeUpMessagesAreLikeThoseOfTheirPattern(t *testing.T) {
	like := newLikely(pattern(), false)
	seen := map[string]bool{}
	before := ""
	for i := range 200_000 {
		var m nats.Msg
		like.fill(&m, i)
		id := m.Header.Get(nats.MsgIdHdr)
		if seen[id] || len(id) != len("7301245678901234567-0/16B3748-199990") || m.Header["ce-id"][0] != id || m.Header.Get(nats.ExpectedLastMsgIdHdr) != before {
			require.Fail(t, "a wrong id", "message %d: %v, behind %s", i, m.Header, before)
		}
		seen[id], before = true, id
	}

	var m nats.Msg
	like.fill(&m, 9)
	require.Equal(t, "bench.contacts.delete."+contactID(5), m.Subject)
	require.Equal(t, "7301245678901234567-0/16B3748-199999", string(m.Data))
}

func TestShorterIDsLeaveOutTheDatabase(t *testing.T) {
	var m nats.Msg
	newLikely(pattern(), true).fill(&m, 12)
	require.Len(t, m.Header.Get(nats.MsgIdHdr), len("0/16B3748-199992"))
	require.Equal(t, m.Header.Get(nats.MsgIdHdr), m.Header["ce-id"][0])
}

func TestAMadeUpMessageIsAboutTheContactOfItsRow(t *testing.T) {
	p := &likePublisher{barePublisher: &barePublisher{sent: 5}, like: newLikely(pattern(), false)}
	id := newID()
	p.fill("bench.row", []byte("I\x00\x00\x00$"+id+"t\x00name"))
	require.Equal(t, "bench.row."+id, p.msg.Subject)
	require.Equal(t, "7301245678901234567-0/16B3748-199995", string(p.msg.Data))
	require.Equal(t, "crm.contacts.insert", p.msg.Header.Get("ce-type"))
}

func TestAListenerThatFailedHasNoTarget(t *testing.T) {
	var r result
	for who, rate := range map[string]float64{whoMksync: 90, whoAlone: 100, "peer": 80} {
		r.add("a backlog", who, colRate, rate)
	}
	r.add("a backlog", whoMksync, colPeak, 40)
	r.add("a backlog", whoMksync, colWrong, 0)
	drainGoals(&r, []candidate{{Name: "peer"}, {Name: "one that failed"}})
	require.Len(t, r.Goals, 4)
	for _, g := range r.Goals {
		require.True(t, g.Met, g.What)
	}
}
