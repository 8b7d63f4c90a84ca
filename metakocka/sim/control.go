package sim

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"

	"github.com/crmmind/mksync/metakocka"
)

// controlHandler serves what a person at the ERP's screens does, the faults and
// the record of calls, as JSON.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/partners", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, s.Partners())
	})
	mux.HandleFunc("POST /control/partners", s.controlAdd)
	mux.HandleFunc("GET /control/partners/{id}", s.controlShow)
	mux.HandleFunc("PATCH /control/partners/{id}", s.controlEdit)
	mux.HandleFunc("DELETE /control/partners/{id}", s.controlDelete)
	mux.HandleFunc("GET /control/calls", s.controlCalls)
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, s.Faults())
	})
	mux.HandleFunc("PUT /control/faults", s.controlFaults)
	mux.HandleFunc("POST /control/faults/next", s.controlNext)
	mux.HandleFunc("POST /control/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Server) controlAdd(w http.ResponseWriter, r *http.Request) {
	var given map[string]json.RawMessage
	if !readBody(w, r, &given) {
		return
	}
	p, err := patched(metakocka.Partner{}, given)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	if p.Customer == "" {
		problem(w, http.StatusBadRequest, errors.New("customer is missing"))
		return
	}
	stored, err := s.AddPartner(p)
	if err != nil {
		problem(w, http.StatusConflict, err)
		return
	}
	reply(w, http.StatusCreated, stored)
}

func (s *Server) controlShow(w http.ResponseWriter, r *http.Request) {
	p, ok := s.Partner(r.PathValue("id"))
	if !ok {
		problem(w, http.StatusNotFound, ErrUnknownPartner)
		return
	}
	reply(w, http.StatusOK, p)
}

// controlEdit lays the given attributes over the partner's; null empties one.
// "contact" and "address" do so with the first contact and the billing address,
// a list replaces the whole list.
func (s *Server) controlEdit(w http.ResponseWriter, r *http.Request) {
	var patch map[string]json.RawMessage
	if !readBody(w, r, &patch) {
		return
	}

	var patchErr error
	err := s.EditPartner(r.PathValue("id"), func(p *metakocka.Partner) {
		edited, err := patched(*p, patch)
		if err != nil {
			patchErr = err
			return
		}
		*p = edited
	})

	switch {
	case err != nil:
		problem(w, http.StatusNotFound, err)
	case patchErr != nil:
		problem(w, http.StatusBadRequest, patchErr)
	default:
		s.controlShow(w, r)
	}
}

func patched(p metakocka.Partner, patch map[string]json.RawMessage) (metakocka.Partner, error) {
	patch = maps.Clone(patch)
	contact, address := patch["contact"], patch["address"]
	delete(patch, "contact")
	delete(patch, "address")

	if err := overlay(&p, patch); err != nil {
		return p, err
	}
	if contact != nil {
		if len(p.Contacts) == 0 {
			p.Contacts = []metakocka.Contact{{}}
		}
		if err := overlayRaw(&p.Contacts[0], contact); err != nil {
			return p, err
		}
	}

	if address == nil {
		return p, nil
	}

	at := indexOf(p.Addresses, isBilling)
	if at < 0 {
		p.Addresses = append(p.Addresses, metakocka.Address{Type: metakocka.AddressBilling})
		at = len(p.Addresses) - 1
	}
	return p, overlayRaw(&p.Addresses[at], address)
}

func overlayRaw(v any, patch json.RawMessage) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(patch, &object); err != nil {
		return err
	}
	return overlay(v, object)
}

// overlay lays JSON attributes over v.
func overlay(v any, patch map[string]json.RawMessage) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	maps.Copy(object, patch)
	if data, err = json.Marshal(object); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func (s *Server) controlDelete(w http.ResponseWriter, r *http.Request) {
	if err := s.DeletePartner(r.PathValue("id")); err != nil {
		problem(w, http.StatusNotFound, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) controlCalls(w http.ResponseWriter, _ *http.Request) {
	calls := s.Calls()
	reply(w, http.StatusOK, map[string]any{
		"received": calls.Received, "processed": calls.Processed,
		"writes": calls.Writes(), "total": calls.Total(),
	})
}

func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if !readBody(w, r, &f) {
		return
	}
	if err := s.SetFaults(f); err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, f)
}

func (s *Server) controlNext(w http.ResponseWriter, r *http.Request) {
	var next struct {
		Endpoint string  `json:"endpoint"`
		Faults   []Fault `json:"faults"`
	}
	if !readBody(w, r, &next) {
		return
	}
	if s.endpoint(next.Endpoint) == nil {
		problem(w, http.StatusBadRequest, errors.New("unknown endpoint"))
		return
	}
	if err := s.FailNext(next.Endpoint, next.Faults...); err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func readBody(w http.ResponseWriter, r *http.Request, v any) bool {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		problem(w, http.StatusBadRequest, err)
	}
	return err == nil
}

func problem(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = encode(w, v)
}
