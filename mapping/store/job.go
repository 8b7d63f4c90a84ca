package store

import (
	"encoding/json"
	"time"

	"github.com/crmmind/mksync/coded"
)

// MostOpenJobs is how many jobs may wait or run.
const MostOpenJobs = 100

// JobStatus says where a job stands.
type JobStatus string

// The states of a job. One that runs when its process ends is taken up again.
const (
	JobQueued    JobStatus = "queued"
	JobRunning   JobStatus = "running"
	JobDone      JobStatus = "done" // also when items of it failed
	JobFailed    JobStatus = "failed"
	JobCancelled JobStatus = "cancelled"
)

// Open reports whether the job is still to be worked on.
func (s JobStatus) Open() bool { return s == JobQueued || s == JobRunning }

// Job is a request that is worked on after it was answered.
type Job struct {
	ID        string
	Operation string // the name of the request's operation
	Request   json.RawMessage
	Status    JobStatus

	Doing               string     // what is being done
	Paused              coded.Text // why it waits; nothing: it does not
	Total, Done, Failed int        // items; 0 of them while not known
	Result              json.RawMessage
	Error               coded.Text

	// WaitsFor are the open jobs over the same contacts that came before.
	WaitsFor []string

	CreatedAt, StartedAt, FinishedAt time.Time
	ExpectedAt                       time.Time // when it is likely to be done; zero: not known
	CreatedBy, FinishedBy            string
}

// JobItem is what became of one item of a job, which is not worked on again.
type JobItem struct {
	ID   string
	Item json.RawMessage
}
