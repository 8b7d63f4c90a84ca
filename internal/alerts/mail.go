package alerts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/crmmind/mksync/mapping/store"
)

// Mail sends messages by SMTP.
type Mail struct {
	From string
	To   []string
	SMTP
}

// SMTP is a mail server, and how to sign in there.
type SMTP struct {
	Host           string
	Port           int
	User, Password string // "": without signing in
	Encrypted      bool   // from the first byte; else as soon as the server offers it
	TLS            *tls.Config
}

// ErrSMTP says what an address of a mail server is.
var ErrSMTP = errors.New("not an address such as smtps://user:password@mail.example.com:465 or smtp://mail.example.com:587 (a special character in the password is written as %XX)")

// The usual ports: of submission, and of submission over TLS.
const (
	portSMTP  = 587
	portSMTPS = 465
)

// ReadSMTP reads the address of a mail server. Its error does not quote it.
func ReadSMTP(address string) (SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || strings.Count(address, "@") > 1 {
		return SMTP{}, ErrSMTP
	}

	s := SMTP{Host: u.Hostname(), User: u.User.Username()}
	s.Password, _ = u.User.Password()

	switch u.Scheme {
	case "smtp":
		s.Port = portSMTP
	case "smtps":
		s.Port = portSMTPS
		s.Encrypted = true
	default:
		return SMTP{}, ErrSMTP
	}

	if u.Port() == "" {
		return s, nil
	}
	if s.Port, err = strconv.Atoi(u.Port()); err != nil || s.Port < 1 || s.Port > 65535 {
		return SMTP{}, ErrSMTP
	}
	return s, nil
}

// ReadAddresses are those of a list with commas.
func ReadAddresses(list string) ([]string, error) {
	found, err := netmail.ParseAddressList(list)
	if err != nil {
		return nil, errors.New("not one or several mail addresses with commas between them")
	}
	var all []string
	for _, a := range found {
		all = append(all, a.Address)
	}
	return all, nil
}

func (m *Mail) channel() store.AlertChannel { return store.AlertMail }

// send implements sender. Either all who are to have it do, or nobody.
func (m *Mail) send(ctx context.Context, l letter) (string, error) {
	to := strings.Join(m.To, ", ") + " by way of " + net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
	msg, err := m.message(l)
	if err != nil {
		return to, err
	}
	client, err := m.client(ctx)
	if err != nil {
		return to, err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() {
		return to, nil // only the parting went wrong
	}
	if ctx.Err() != nil && err != nil {
		return to, errors.New("the mail server does not answer in time")
	}
	return to, err
}

func (m *Mail) message(l letter) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(m.From); err != nil {
		return nil, fmt.Errorf("read the sender's address: %w", err)
	}
	if err := msg.To(m.To...); err != nil {
		return nil, fmt.Errorf("read the receivers' addresses: %w", err)
	}

	// The id is the same in each try, so that mailboxes can drop a repeat.
	_, domain, _ := strings.Cut(m.From, "@")
	msg.SetMessageIDWithValue(l.id + "@" + strings.Trim(domain, ">"))
	msg.SetDateWithValue(l.at)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.Subject(l.subject)
	msg.SetBodyString(mail.TypeTextPlain, l.text)
	return msg, nil
}

// client is one connection's. When ctx ends the connection does, whatever it waits for.
func (m *Mail) client(ctx context.Context) (*mail.Client, error) {
	opts := []mail.Option{mail.WithPort(m.Port), mail.WithTLSPolicy(mail.TLSOpportunistic), mail.WithDialContextFunc(m.dial(ctx))}
	if m.Encrypted {
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS)) // it is there already
	}
	if m.TLS != nil {
		opts = append(opts, mail.WithTLSConfig(m.config()))
	}
	if m.User != "" {
		opts = append(opts, mail.WithUsername(m.User), mail.WithPassword(m.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5))
	}
	return mail.NewClient(m.Host, opts...)
}

func (m *Mail) config() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.TLS != nil {
		cfg = m.TLS.Clone()
	}
	cfg.ServerName = m.Host
	return cfg
}

func (m *Mail) dial(ctx context.Context) mail.DialContextFunc {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if !m.Encrypted {
			return conn, nil
		}
		encrypted := tls.Client(conn, m.config())
		return encrypted, encrypted.HandshakeContext(ctx)
	}
}
