package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Fault is one way for a call to go wrong.
type Fault string

// Faults of single calls.
const (
	NoFault      Fault = ""
	Fault429     Fault = "429"       // refused by a rate limit, not processed
	Fault5xx     Fault = "5xx"       // an error page, not processed
	FaultHTML    Fault = "html"      // a maintenance page with status 200, not processed
	FaultRefused Fault = "refused"   // refused as with a wrong key, not processed
	FaultGarbage Fault = "garbage"   // processed; the answer is no JSON
	Fault504     Fault = "504"       // processed; a gateway gives up before the answer
	FaultBefore  Fault = "cutbefore" // connection cut, not processed
	FaultAfter   Fault = "cutafter"  // processed, connection cut before the answer
	FaultHalf    Fault = "cuthalf"   // processed, connection cut within the answer
	FaultLate    Fault = "late"      // connection cut, processed LateBy later
)

var allFaults = []Fault{
	Fault429, Fault5xx, FaultHTML, FaultRefused, FaultGarbage, Fault504, FaultBefore, FaultAfter, FaultHalf, FaultLate,
}

// Faults is how badly the server behaves. Rates are probabilities from 0 to 1
// whose sum is at most 1. In JSON its names are in snake case and durations are
// texts such as "150ms".
type Faults struct {
	Down      bool          // every call gets a maintenance page with status 503
	RefuseAll string        // every call is refused with this text
	Latency   time.Duration // of every call
	Jitter    time.Duration // up to so much more
	Endpoints []string      // where the rates below apply; empty: everywhere

	EndpointLatency map[string]time.Duration // instead of Latency

	Rate429, Rate5xx, HTMLPage, WrongKey, Garbage, GatewayTimeout float64
	CutBefore, CutAfter, CutHalf, LateProcessing                  float64
	LateBy, RetryAfter                                            time.Duration
}

func (f Faults) rate(fault Fault) float64 {
	return map[Fault]float64{
		Fault429: f.Rate429, Fault5xx: f.Rate5xx, FaultHTML: f.HTMLPage, FaultRefused: f.WrongKey, FaultGarbage: f.Garbage,
		Fault504: f.GatewayTimeout, FaultBefore: f.CutBefore, FaultAfter: f.CutAfter,
		FaultHalf: f.CutHalf, FaultLate: f.LateProcessing,
	}[fault]
}

// Validate names a rate that is none, or their sum above 1.
func (f Faults) Validate() error {
	sum := 0.0
	for _, fault := range allFaults {
		rate := f.rate(fault)
		if !(rate >= 0 && rate <= 1) {
			return fmt.Errorf("rate of %s is not between 0 and 1", fault)
		}
		sum += rate
	}
	if sum > 1+1e-9 {
		return errors.New("rates add up to more than 1")
	}
	if f.Latency < 0 || f.Jitter < 0 || f.LateBy < 0 || f.RetryAfter < 0 {
		return errors.New("a duration is negative")
	}
	return nil
}

// pick throws the dice for one call: roll is from [0, 1).
func (f Faults) pick(endpoint string, roll float64) Fault {
	if len(f.Endpoints) > 0 && !slices.Contains(f.Endpoints, endpoint) {
		return NoFault
	}
	for _, fault := range allFaults {
		rate := f.rate(fault)
		if roll < rate {
			return fault
		}
		roll -= rate
	}
	return NoFault
}

func (f Faults) latency(endpoint string, roll float64) time.Duration {
	d := f.Latency
	if own, ok := f.EndpointLatency[endpoint]; ok {
		d = own
	}
	return d + time.Duration(roll*float64(f.Jitter))
}

// wireFaults is Faults in JSON.
type wireFaults struct {
	Down            bool                `json:"down"`
	RefuseAll       string              `json:"refuse_all"`
	Latency         duration            `json:"latency"`
	Jitter          duration            `json:"jitter"`
	Endpoints       []string            `json:"endpoints"`
	EndpointLatency map[string]duration `json:"endpoint_latency"`
	Rate429         float64             `json:"rate_429"`
	Rate5xx         float64             `json:"rate_5xx"`
	HTMLPage        float64             `json:"html_page"`
	WrongKey        float64             `json:"wrong_key"`
	Garbage         float64             `json:"garbage"`
	GatewayTimeout  float64             `json:"gateway_timeout"`
	CutBefore       float64             `json:"cut_before"`
	CutAfter        float64             `json:"cut_after"`
	CutHalf         float64             `json:"cut_half"`
	LateProcessing  float64             `json:"late_processing"`
	LateBy          duration            `json:"late_by"`
	RetryAfter      duration            `json:"retry_after"`
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

// MarshalJSON writes durations as texts.
func (f Faults) MarshalJSON() ([]byte, error) {
	w := wireFaults{
		f.Down, f.RefuseAll, duration(f.Latency), duration(f.Jitter), f.Endpoints, nil,
		f.Rate429, f.Rate5xx, f.HTMLPage, f.WrongKey, f.Garbage, f.GatewayTimeout,
		f.CutBefore, f.CutAfter, f.CutHalf, f.LateProcessing, duration(f.LateBy), duration(f.RetryAfter),
	}
	w.EndpointLatency = make(map[string]duration, len(f.EndpointLatency))
	for endpoint, d := range f.EndpointLatency {
		w.EndpointLatency[endpoint] = duration(d)
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote; what is left out is zero.
func (f *Faults) UnmarshalJSON(data []byte) error {
	var w wireFaults
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*f = Faults{
		w.Down, w.RefuseAll, time.Duration(w.Latency), time.Duration(w.Jitter), w.Endpoints, nil,
		w.Rate429, w.Rate5xx, w.HTMLPage, w.WrongKey, w.Garbage, w.GatewayTimeout,
		w.CutBefore, w.CutAfter, w.CutHalf, w.LateProcessing, time.Duration(w.LateBy), time.Duration(w.RetryAfter),
	}
	if len(w.EndpointLatency) > 0 {
		f.EndpointLatency = make(map[string]time.Duration, len(w.EndpointLatency))
	}
	for endpoint, d := range w.EndpointLatency {
		f.EndpointLatency[endpoint] = time.Duration(d)
	}
	return nil
}
