package desk

import (
	"coldsign/online/internal/account"
	"coldsign/online/internal/store"
)

func queueRoutes() []route {
	return []route{
		{pattern: "GET /desk/{$}", need: account.Viewer, do: queuePage},
	}
}

func queuePage(r *request) error {
	rows, err := r.Store.List(r.Context(), store.Filter{Tenant: store.Any, Limit: 50})
	if err != nil {
		return err
	}
	return r.page("queue", rows)
}
