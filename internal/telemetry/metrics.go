package telemetry

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry makes a registry with the metrics of the Go runtime, of the
// process, and mksync_build_info, which is 1 and carries the version.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "mksync_build_info",
		Help:        "1; the version of this process is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	reg.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info)
	return reg
}

// Handler serves the registry to Prometheus. What cannot be gathered is logged
// and left out, the rest is served.
func Handler(reg *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      reg,
	})
}

// Sample is the value of one gauge at the moment of a scrape.
type Sample struct {
	Name, Help string
	Labels     prometheus.Labels
	Value      float64
}

// OnScrape registers gauges whose values are asked for at each scrape, so that
// they are read from where the state is and nothing has to be kept in step.
func OnScrape(reg prometheus.Registerer, samples func() []Sample) {
	reg.MustRegister(scrape(samples))
}

// scrape is a collector whose gauges are known only when it is asked.
type scrape func() []Sample

// Describe tells nothing, which makes the collector an unchecked one.
func (scrape) Describe(chan<- *prometheus.Desc) {}

// Collect asks for the samples and passes them on.
func (s scrape) Collect(metrics chan<- prometheus.Metric) {
	for _, sample := range s() {
		desc := prometheus.NewDesc(sample.Name, sample.Help, nil, sample.Labels)
		metric, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, sample.Value)
		if err != nil {
			metric = prometheus.NewInvalidMetric(desc, err)
		}
		metrics <- metric
	}
}
