package store

import "time"

// AlertChannel is a way that messages to people go.
type AlertChannel string

// The ways.
const (
	AlertWebhook AlertChannel = "webhook"
	AlertMail    AlertChannel = "mail"
)

// AlertType says what a message is about. The words are what receivers see.
type AlertType string

// The types.
const (
	AttentionNeeded AlertType = "attention.needed"
	AttentionOver   AlertType = "attention.over"
)

// AlertReason is a kind of thing that needs a person, and how many there are.
type AlertReason struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// Alert is a message to people that is to be sent one way.
type Alert struct {
	ID      string // a uuid
	Channel AlertChannel
	Type    AlertType
	Reasons []AlertReason
	At      time.Time // when it was decided on, by the database's clock
	Tries   int       // those that were begun, this one included
}

// Unsent is a way on which the newest message did not get through and was given up.
type Unsent struct {
	Channel AlertChannel `json:"channel"`
	Error   string       `json:"error"`
	At      time.Time    `json:"at"`
}

// Tried is the message that was tried last on a way, and what became of it.
type Tried struct {
	Channel AlertChannel
	At      time.Time // when it was sent or given up; else when it was decided on
	Error   string    // "": it was sent
	GivenUp bool      // else it is tried again
}
