// Package api is the online half's HTTP: the five calls of the KMS API as they
// are documented, and /v1 for what the KMS has no call for.
//
//	h := api.New(api.Config{Store: store, Intake: in, Log: log, Version: v})
//	err := api.Server(addr, h).Serve(api.Limit(listener, api.Connections))
//
// Every call but those of health and of its own description needs one x-api-key
// header. A key has a tenant, and of another tenant's rows the answer is the same
// as of rows that never were. Nothing that a caller sent is stored before it has
// been read strictly.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// Keys tells who calls.
type Keys interface {
	Authenticate(ctx context.Context, key string) (store.Caller, error)
}

// Reader reads rows. Each call sees the tenant's rows only.
type Reader interface {
	Get(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error)
	Pending(ctx context.Context, tenant, chain string, signatureIDs []string) ([]pending.Transaction, error)
	List(ctx context.Context, f store.Filter) ([]pending.Transaction, error)
	Links(ctx context.Context, ids []bundle.ID) (map[bundle.ID]store.Link, error)
	// Successions tells which rows make the payments of others anew.
	Successions(ctx context.Context, ids []bundle.ID) (map[bundle.ID]store.Succession, error)
	Withdrawal(ctx context.Context, tenant, id string) (store.Withdrawal, error)
}

// Changer changes rows.
type Changer interface {
	// Earlier gives the row that an earlier submission made, or nil.
	Earlier(ctx context.Context, tenant string, idem store.Idempotency) (*pending.Transaction, error)
	Create(ctx context.Context, t *pending.Transaction, idem store.Idempotency) (*pending.Transaction, error)
	Assert(ctx context.Context, tenant string, id bundle.ID, txID string) (pending.Transaction, error)
	// Revoke cancels a row, and takes its withdrawal back if revert says so.
	Revoke(ctx context.Context, tenant string, id bundle.ID, revert bool) (pending.Transaction, error)
	// KeepReports notes what signers say went wrong; no state comes of it.
	KeepReports(ctx context.Context, tenant string, list []store.SignerReport) (fresh []store.SignerReport, unknown int, err error)
}

// Store is what the API needs of the database.
type Store interface {
	Keys
	Reader
	Changer
	Ping(context.Context) error
}

// Intake accepts submissions and explains accepted rows.
type Intake interface {
	Accept(ctx context.Context, tenant string, s intake.Submission) (*pending.Transaction, chain.Review, error)
	Review(t *pending.Transaction) (chain.Review, error)
}

// Config is what the handler works with. Only Observe, Reported and Ready may be nil.
type Config struct {
	Store  Store
	Intake Intake
	// Replacer makes what competes with a transaction on chain.
	Replacer Replacer
	// Creator makes transactions of what the KMS API's creation calls ask for.
	Creator Creator
	// Signer takes what hot signers hand in.
	Signer Signer
	// Hooks tells the application what became of its payments.
	Hooks   Hooks
	Now     func() time.Time
	Log     *slog.Logger // one line for each request
	Version string

	// Observe is told of every answer: the pattern of its route, "" when none fits.
	Observe func(route string, status int, took time.Duration)
	// Reported is told of errors that hot signers report and that are new; it may be nil.
	Reported func(ctx context.Context, tenant string, list []store.SignerReport)
	// Ready says whether this process wants more requests: not while it stops.
	Ready func() bool
}

// call is one request on its way.
type call struct {
	*http.Request
	Config
	w      http.ResponseWriter
	caller store.Caller
}

// reply is a status and what becomes the JSON body, or a document; nil for no body.
type reply struct {
	status int
	body   any
}

type handler func(*call) (reply, error)

// route is one call of the API. openapi.yaml describes each; a test compares.
type route struct {
	pattern string // of net/http.ServeMux
	scope   string // that the key must have; "" needs no key
	do      handler
}

func routes() []route {
	return slices.Concat(createRoutes(), signerRoutes(), subscriptionRoutes(), []route{
		{"GET /v3/kms/pending/{chain}", "read", pendingByQuery},
		{"POST /v3/kms/pending/{chain}", "read", pendingByBody},
		{"GET /v3/kms/{id}", "read", getRecord},
		{"PUT /v3/kms/{id}/{txId}", "complete", complete},
		{"DELETE /v3/kms/{id}", "submit", cancelRow},
		{"DELETE /v3/offchain/withdrawal/{id}", "submit", cancelWithdrawal},
		{"GET /v1/withdrawals/{id}", "read", getWithdrawal},
		{"POST /v1/transactions", "submit", submit},
		{"GET /v1/transactions", "read", list},
		{"GET /v1/transactions/{id}", "read", getTransaction},
		{"POST /v1/transactions/{id}/replace", "submit", replaceRow},
		{"POST /v1/transactions/{id}/requote", "submit", requoteRow},
		{"POST /v1/transactions/{id}/cancel", "submit", cancelOnChain},
		{"GET /healthz", "", health},
		{"GET /readyz", "", ready},
		{"GET /openapi.yaml", "", openAPI},
		{"GET /docs", "", docs},
	})
}

// New gives the handler of every route.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes() {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), callTime)
			defer cancel()
			k := &call{Request: r.WithContext(ctx), Config: c, w: w}
			k.serve(route.pattern, route.scope, route.do)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := path.Clean(r.URL.Path) == r.URL.Path // what is not, the mux would redirect
		if _, pattern := mux.Handler(r); pattern != "" && clean {
			mux.ServeHTTP(w, r)
			return
		}
		k := &call{Request: r, Config: c, w: w}
		k.serve("", "", func(k *call) (reply, error) {
			if !clean {
				return reply{}, bad("path", "isPath", "the path must be in its plain form", "") // it may hold a key
			}
			return reply{}, noRoute(mux, k)
		})
	})
}

// noRoute tells a wrong method from a wrong path.
func noRoute(mux *http.ServeMux, k *call) error {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := k.Clone(k.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); strings.HasPrefix(pattern, method+" ") {
			return &problem{http.StatusMethodNotAllowed, "route.method", "This path has no such method.", nil}
		}
	}
	return &problem{http.StatusNotFound, "route.missing", "There is no such path.", nil}
}

// serve runs one handler: who is it, may they, do it, answer, log.
func (k *call) serve(pattern, scope string, h handler) {
	began := k.Now()
	status, size := http.StatusInternalServerError, 0
	defer func() {
		what := recover()
		if what != nil { // no detail: it may hold what the caller sent
			status, size = k.answer(reply{}, errInternal())
		}
		k.Log.LogAttrs(k.Context(), slog.LevelInfo, "request",
			slog.String("method", known(k.Method)), slog.String("route", pattern), slog.Int("status", status), slog.Int("bytes", size),
			slog.Int64("microseconds", k.Now().Sub(began).Microseconds()), slog.String("key", k.caller.KeyID), slog.Bool("panic", what != nil))
		if k.Observe != nil {
			k.Observe(pattern, status, k.Now().Sub(began))
		}
	}()
	answer, err := reply{}, error(nil)
	if scope != "" {
		err = k.authenticate(scope)
	}
	if err == nil {
		answer, err = h(k)
	}
	status, size = k.answer(answer, err)
}

// known keeps what a caller invented out of the log.
func known(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH":
		return method
	}
	return "other"
}

// answer writes the reply or the error, and gives the status and the body's size.
func (k *call) answer(a reply, err error) (status, size int) {
	if err != nil {
		a = k.explain(err)
	}
	header := k.w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.body == nil {
		k.w.WriteHeader(a.status)
		return a.status, 0
	}
	if d, ok := a.body.(document); ok {
		header.Set("Content-Type", d.kind)
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		k.w.WriteHeader(a.status)
		n, _ := k.w.Write(d.text)
		return a.status, n
	}
	b, err := json.Marshal(a.body)
	if err != nil { // every body is of strings, numbers and checked JSON
		a.status, b = http.StatusInternalServerError, []byte(`{"message":"Internal server error","errorCode":"internal","statusCode":500}`)
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	k.w.WriteHeader(a.status)
	n, _ := k.w.Write(b) // a caller that is gone is no error of ours
	return a.status, n
}

func health(k *call) (reply, error) {
	status, word := http.StatusOK, "ok"
	if err := k.Store.Ping(k.Context()); err != nil {
		status, word = http.StatusServiceUnavailable, "database"
	}
	return reply{status, map[string]string{"status": word, "version": k.Version}}, nil
}

// ready is what a load balancer asks: the database answers, and this process is
// not about to stop.
func ready(k *call) (reply, error) {
	if k.Ready != nil && !k.Ready() {
		return reply{http.StatusServiceUnavailable, map[string]string{"status": "stopping", "version": k.Version}}, nil
	}
	return health(k)
}
