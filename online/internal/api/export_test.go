package api

// Route is a call of the API, for tests outside.
type Route struct{ Pattern, Scope string }

// Routes lists every call.
func Routes() (list []Route) {
	for _, r := range routes() {
		list = append(list, Route{r.pattern, r.scope})
	}
	return list
}
