package api

import (
	"context"
	"net/http"

	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// authenticate finds the caller and asks for the scope. The key is in the header, or
// in the path of those calls that are documented so. Whatever is wrong with
// a key, the answer is one and the same, and never holds the key.
func (k *call) authenticate(scope string) error {
	unknown := &problem{http.StatusUnauthorized, "subscription.invalid", "Unable to find valid subscription for the given API key.", nil}
	keys := k.Header.Values("X-Api-Key")
	if key := k.PathValue("key"); key != "" {
		keys = []string{key}
	}
	if len(keys) != 1 || keys[0] == "" || len(keys[0]) > maxKeyText || !quote.Plain(keys[0]) {
		return unknown
	}
	caller, err := k.Store.Authenticate(k.Context(), keys[0])
	if fault.Is(err, "apikey.invalid") {
		return unknown
	}
	if err != nil {
		return err
	}
	k.caller = caller
	if !caller.Can(scope) {
		return &problem{http.StatusForbidden, "apikey.scope", "This API key lacks the scope '" + scope + "'.", nil}
	}
	return nil
}

// ctx names the key in the audit rows of what the call changes.
func (k *call) ctx() context.Context {
	return store.WithActor(k.Context(), "apikey "+k.caller.KeyID)
}
