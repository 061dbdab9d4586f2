package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"coldsign/online/internal/api"
	"coldsign/online/internal/store"
)

// The groups of attacks on an API, as the threat list has them, are in the names of
// the tests: Authn, Authz, Ids, Types, JSON, Transport, Injection, State, Idempotency,
// Races, Abuse. These two ask every call that there is.

// filled gives the method and a path of the route, with key where the path has one.
func filled(pattern, id, key string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	for name, value := range map[string]string{"{id}": id, "{txId}": goodTxID, "{chain}": "ETH", "{coin}": "ethereum", "{key}": key,
		"{address}": "0x0000000000000000000000000000000000000001"} {
		path = strings.ReplaceAll(path, name, value)
	}
	return method, path
}

func TestAuthnEveryCall(t *testing.T) {
	r := newRig(t)
	id, asked := r.create(0), 0
	for _, route := range api.Routes() {
		if route.Scope == "" {
			continue
		}
		asked++
		for name, change := range map[string]func(*http.Request){
			"none":  func(*http.Request) {},
			"wrong": func(q *http.Request) { q.Header.Set("x-api-key", "csk_wrong") },
			"twice": func(q *http.Request) {
				q.Header["X-Api-Key"] = []string{r.keys["a/admin"], r.keys["a/admin"]}
			},
		} {
			method, path := filled(route.Pattern, id, "csk_wrong")
			if strings.Contains(path, "{") {
				t.Fatalf("%s: a part of the path is not filled in", route.Pattern)
			}
			if a := r.send("", method, path, "{}", change); a.Status != 401 || a.Body != unauthorized {
				t.Errorf("%s key on %s: %d %s", name, route.Pattern, a.Status, a.Body)
			}
		}
	}
	if asked < 30 {
		t.Errorf("only %d calls were asked", asked)
	}
}

func TestAuthzEveryCall(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	for _, route := range api.Routes() {
		if route.Scope == "" {
			continue
		}
		for _, scope := range store.Scopes() {
			method, path := filled(route.Pattern, id, r.keys["a/"+scope])
			who := "a/" + scope
			if strings.Contains(route.Pattern, "{key}") {
				who = ""
			}
			a := r.send(who, method, path, "not JSON")
			may := scope == route.Scope || scope == store.ScopeAdmin && route.Scope != store.ScopeSign
			if denied := strings.Contains(a.Body, "apikey.scope"); denied == may || a.Status == 401 || denied && a.Status != 403 {
				t.Errorf("%s with scope %s: %d %s", route.Pattern, scope, a.Status, a.Body)
			}
			if strings.Contains(a.Body, r.keys["a/"+scope]) || strings.Contains(r.log.String(), r.keys["a/"+scope]) {
				t.Errorf("%s: the key comes back", route.Pattern)
			}
		}
	}
}

// TestRaces: of calls at the same time one wins, the losers are told, and the row is
// as the winner left it.
func TestRaces(t *testing.T) {
	r := newRig(t)
	for round := range 10 {
		id := r.create(round)
		answers := make([]answer, 40)
		txID := func(i int) string { return fmt.Sprintf("%064x", i+1) }
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range answers {
			all.Go(func() {
				q := httptest.NewRequest("DELETE", "/v3/kms/"+id, nil)
				if i%2 == 0 {
					q = httptest.NewRequest("PUT", "/v3/kms/"+id+"/"+txID(i), nil)
				}
				q.Header.Set("x-api-key", r.keys["a/admin"])
				w := httptest.NewRecorder()
				<-begin
				r.handler.ServeHTTP(w, q)
				answers[i] = answer{w.Code, w.Body.String(), w.Header()}
			})
		}
		close(begin)
		all.Wait()
		now := r.send("a/read", "GET", "/v1/transactions/"+id, "")
		var puts, deletes int
		for i, a := range answers {
			switch {
			case a.Status == 204 && i%2 == 0:
				puts++
				if !strings.Contains(now.Body, `"txId":"`+txID(i)+`"`) {
					t.Errorf("%s was answered 204, and the row says %s", txID(i), now.Body)
				}
			case a.Status == 204:
				deletes++
			case a.Status != 403:
				t.Errorf("%d: %d %s", i, a.Status, a.Body)
			}
		}
		cancelled := strings.Contains(now.Body, `"state":"cancelled"`)
		if cancelled != (puts == 0) || puts > 1 || !cancelled && deletes > 0 {
			t.Errorf("%d PUT and %d DELETE have won, and the row says %s", puts, deletes, now.Body)
		}
	}
}
