package httpapi

import "github.com/crmmind/mksync/syncer/operations"

// Route is where an operation is asked for.
type Route struct {
	Method, Path string
	Op           operations.Endpoint
}

// Routes are all routes.
func Routes() (all []Route) {
	for _, rt := range routes() {
		all = append(all, Route{rt.method, prefix + rt.path, rt.op})
	}
	return all
}
