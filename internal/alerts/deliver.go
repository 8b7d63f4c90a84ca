package alerts

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/crmmind/mksync/mapping/store"
)

// sender brings a message to people one way.
type sender interface {
	channel() store.AlertChannel
	// send hands m over, and says to whom. Its error has no secret in it.
	send(ctx context.Context, m letter) (to string, err error)
}

// letter is a message as it is sent.
type letter struct {
	id      string // the same each time that the message is sent
	at      time.Time
	body    body
	subject string
	text    string
}

// deliver sends what is to be sent one way, one message after the other.
func (a *Alerts) deliver(ctx context.Context, s sender) {
	for ctx.Err() == nil {
		// Longer than a try takes: nobody else sends the message meanwhile.
		alert, err := a.store.TakeAlert(ctx, s.channel(), 2*a.cfg.Pace.Timeout)
		if err != nil || alert == nil {
			return // the database is asked again soon
		}
		if !a.try(ctx, s, *alert) {
			return
		}
	}
}

// try sends one message, and notes what became of it.
func (a *Alerts) try(ctx context.Context, s sender, alert store.Alert) (sent bool) {
	bounded, cancel := context.WithTimeout(ctx, a.cfg.Pace.Timeout)
	defer cancel()
	_, err := s.send(bounded, a.cfg.write(alert))
	if ctx.Err() != nil {
		return false // it is taken again by whoever is there then
	}

	var noted error
	switch {
	case err == nil:
		noted = a.store.AlertSent(ctx, alert.ID)
	case alert.Tries >= a.cfg.Pace.Tries:
		a.log.Error("an alert could not be sent and is given up: mksync alerts test tries the way that it goes", "channel", alert.Channel, "alert", alert.ID, "tries", alert.Tries, "error", err)
		noted = a.store.AlertGivenUp(ctx, alert.ID, err.Error())
	default:
		a.log.Debug("alert not sent, and tried again", "channel", alert.Channel, "alert", alert.ID, "tries", alert.Tries, "error", err)
		noted = a.store.AlertFailed(ctx, alert.ID, err.Error(), a.cfg.Pace.rest(alert.Tries))
	}
	if noted != nil && ctx.Err() == nil {
		a.log.Debug("what became of an alert is not noted", "alert", alert.ID, "error", noted)
	}
	return err == nil && noted == nil
}

// rest is the pause after so many tries.
func (p Pace) rest(tries int) time.Duration {
	b := backoff.NewExponentialBackOff(backoff.WithInitialInterval(p.First), backoff.WithMaxInterval(p.Last),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.2), backoff.WithMaxElapsedTime(0))
	for range tries - 1 {
		b.NextBackOff()
	}
	return b.NextBackOff()
}

// Tried is what became of a message that was sent to try a way.
type Tried struct {
	Channel store.AlertChannel
	To      string
	Err     error
}

// Test sends a message each way, and tells what became of it.
func Test(ctx context.Context, c Config, id string, at time.Time) []Tried {
	var all []Tried
	for _, s := range c.senders() {
		bounded, cancel := context.WithTimeout(ctx, c.Pace.Timeout)
		to, err := s.send(bounded, c.trial(id, at))
		cancel()
		all = append(all, Tried{s.channel(), to, err})
	}
	return all
}

// plainly is an error without the address, in which there may be a secret.
func plainly(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	return errors.New(strings.TrimSpace(err.Error()))
}
