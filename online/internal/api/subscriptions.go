package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/fault"
)

// Subscriptions keeps who is told of the tenant's payments.
type Subscriptions interface {
	Subscribe(ctx context.Context, tenant, kind, url string) (id, secret string, err error)
	Subscriptions(ctx context.Context, tenant string) ([]store.Subscription, error)
	Unsubscribe(ctx context.Context, tenant, id string) error
}

// Events knows what the tenant is told, and the secret of its payload hash.
type Events interface {
	Events(ctx context.Context, f store.EventFilter) ([]store.Delivery, error)
	SetPayloadKey(ctx context.Context, tenant, secret string) error
}

// Hooks are events that go to the application by themselves.
type Hooks struct {
	Subscriptions Subscriptions
	Events        Events
	CheckURL      func(string) error // refuses what can be no receiver's address
}

// subscriptionRoutes are the KMS API's calls for webhooks, which it has twice.
func subscriptionRoutes() (list []route) {
	for _, v := range []string{"/v3", "/v4"} {
		list = append(list,
			route{"POST " + v + "/subscription", store.ScopeWebhook, subscribe},
			route{"GET " + v + "/subscription", store.ScopeWebhook, subscriptions},
			route{"PUT " + v + "/subscription", store.ScopeWebhook, setHMAC},
			route{"DELETE " + v + "/subscription", store.ScopeWebhook, endHMAC},
			route{"DELETE " + v + "/subscription/{id}", store.ScopeWebhook, unsubscribe},
			route{"GET " + v + "/subscription/webhook", store.ScopeWebhook, executed})
	}
	return list
}

// subscribe is POST {"type","attr":{"url"}}. The answer has the key that events are
// signed with, this once.
func subscribe(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	b, err := k.body(maxSubscription)
	if err != nil {
		return reply{}, err
	}
	f, err := object(b, "type", "attr")
	if err != nil {
		return reply{}, err
	}
	kind := f.text("type", maxValue)
	if kind == "" && !f.has("type") || kind != "" && !slices.Contains(store.EventTypes(), kind) {
		f.fail("type", "isEnum", "must be one of "+strings.Join(store.EventTypes(), ", "))
	}
	inner := &fields{}
	if attr := f.Fields["attr"]; attr.Kind != strictjson.Object {
		f.fail("attr", "isObject", "must be an object with the url")
	} else {
		var unknown []string
		inner.Fields, unknown = attr.Object("url")
		for _, name := range unknown {
			f.errs = append(f.errs, unknownProperty("attr."+name))
		}
	}
	url := inner.text("url", maxHook)
	for _, e := range inner.errs {
		f.errs = append(f.errs, intake.FieldError{Property: "attr.url", Code: e.Code, Message: e.Message})
	}
	if err := k.Hooks.CheckURL(url); err != nil && inner.errs == nil && f.Fields["attr"].Kind == strictjson.Object {
		e, _ := err.(*fault.Error)
		f.errs = append(f.errs, intake.FieldError{Property: "attr.url", Code: "isUrl", Message: e.What})
	}
	if f.errs != nil {
		return reply{}, f.errs
	}
	id, secret, err := k.Hooks.Subscriptions.Subscribe(k.ctx(), k.caller.Tenant, kind, url)
	return reply{http.StatusOK, map[string]string{"id": id, "secret": secret}}, err
}

// subscription is one as the KMS API lists it.
type subscription struct {
	ID   string            `json:"id"`
	Type string            `json:"type"`
	Attr map[string]string `json:"attr"`
}

// page reads pageSize and offset.
func (k *call) page(more ...string) (size, offset int, rest map[string][]string, err error) {
	q, err := k.query(append(more, "pageSize", "offset")...)
	if err != nil {
		return 0, 0, nil, err
	}
	read := func(name string, least, most, absent int) int {
		text := q.Get(name)
		if text == "" && !q.Has(name) {
			return absent
		}
		n, e := strconv.Atoi(text)
		if (e != nil || n < least || n > most) && err == nil {
			err = bad(name, "isInt", name+" must be an integer from "+strconv.Itoa(least)+" to "+strconv.Itoa(most), text)
		}
		return n
	}
	size, offset = read("pageSize", 1, maxHookPage, maxHookPage), read("offset", 0, 1<<30, 0)
	return size, offset, q, err
}

func subscriptions(k *call) (reply, error) {
	size, offset, _, err := k.page()
	if err != nil {
		return reply{}, err
	}
	all, err := k.Hooks.Subscriptions.Subscriptions(k.Context(), k.caller.Tenant)
	if err != nil {
		return reply{}, err
	}
	all = all[min(offset, len(all)):]
	list := []subscription{}
	for _, s := range all[:min(size, len(all))] {
		list = append(list, subscription{s.ID, s.Type, map[string]string{"url": s.URL}})
	}
	return reply{http.StatusOK, list}, nil
}

func unsubscribe(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	id, err := k.id()
	if err != nil {
		return reply{}, err
	}
	return reply{http.StatusNoContent, nil}, k.Hooks.Subscriptions.Unsubscribe(k.ctx(), k.caller.Tenant, id.String())
}

// setHMAC is PUT {"hmacSecret"}: the tenant's own secret for x-payload-hash.
func setHMAC(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	b, err := k.body(maxSubscription)
	if err != nil {
		return reply{}, err
	}
	f, err := object(b, "hmacSecret")
	if err != nil {
		return reply{}, err
	}
	secret := f.text("hmacSecret", maxHMAC)
	if !f.has("hmacSecret") {
		f.fail("hmacSecret", "isString", "must be a string")
	}
	for i := range f.errs {
		f.errs[i].Value = "" // it may be a real one
	}
	if f.errs != nil {
		return reply{}, f.errs
	}
	err = k.Hooks.Events.SetPayloadKey(k.ctx(), k.caller.Tenant, secret)
	if fault.Is(err, "webhook.secret") {
		return reply{}, bad("hmacSecret", "isAscii", "hmacSecret must be printable ASCII", "")
	}
	return reply{http.StatusNoContent, nil}, err
}

func endHMAC(k *call) (reply, error) {
	if _, err := k.query(); err != nil {
		return reply{}, err
	}
	return reply{http.StatusNoContent, nil}, k.Hooks.Events.SetPayloadKey(k.ctx(), k.caller.Tenant, "")
}

// delivery is an event and what came of it, in the fields of the KMS API.
type delivery struct {
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	SubscriptionID string          `json:"subscriptionId"`
	URL            string          `json:"url"`
	Data           json.RawMessage `json:"data"`
	Timestamp      int64           `json:"timestamp"`          // of the change, milliseconds
	NextTime       int64           `json:"nextTime,omitempty"` // of the next attempt
	Failed         bool            `json:"failed"`             // the last attempt
	State          string          `json:"state"`
	Attempts       int             `json:"attempts"`
	Response       string          `json:"response,omitempty"`
}

// executed is GET /v3/subscription/webhook: the newest first.
func executed(k *call) (reply, error) {
	size, offset, q, err := k.page("failed")
	if err != nil {
		return reply{}, err
	}
	f := store.EventFilter{Tenant: k.caller.Tenant, Limit: size, Offset: offset}
	if text, given := q["failed"]; given {
		yes := text[0] == "true"
		if f.Failed = &yes; !yes && text[0] != "false" {
			return reply{}, bad("failed", "isBoolean", "failed must be true or false", text[0])
		}
	}
	events, err := k.Hooks.Events.Events(k.Context(), f)
	if err != nil {
		return reply{}, err
	}
	list := []delivery{}
	for _, e := range events {
		d := delivery{ID: e.ID, Type: e.Type, SubscriptionID: e.Subscription, URL: e.URL, Data: json.RawMessage(e.Body), Timestamp: e.At.UnixMilli(),
			Failed: e.Attempts > 0 && e.State != store.Delivered, State: string(e.State), Attempts: e.Attempts, Response: e.Answer}
		if e.State == store.Waiting && !e.Due.IsZero() {
			d.NextTime = e.Due.UnixMilli()
		}
		list = append(list, d)
	}
	return reply{http.StatusOK, list}, nil
}
