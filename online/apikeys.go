package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

func (a *app) apikeyCreate() error {
	if a.opt.name == "" || a.opt.scope == "" {
		return cli.Usagef("give --name and --scope, e.g. --scope submit,read")
	}
	if a.opt.Out == "-" {
		return cli.Usagef("--out takes the name of a new file")
	}
	tenant := a.opt.tenant
	if tenant == "" {
		tenant = "default"
	}
	scopes := strings.Split(a.opt.scope, ",")
	until, err := day(a.opt.until)
	if err != nil {
		return err
	}
	return a.with(func(h *home) error {
		id, key, err := h.store.CreateAPIKeyUntil(h.ctx, h.opt.name, tenant, scopes, until)
		if err != nil {
			return err
		}
		if out := h.opt.Out; out != "" {
			if err := keep(out, key); err != nil {
				return errors.Join(err, h.store.RevokeAPIKey(h.ctx, id))
			}
			return h.say(map[string]any{"id": id, "out": out, "scopes": scopes}, "id   %s\nkey  in %s\n", id, quote.Line(out))
		}
		return h.say(struct {
			ID     string   `json:"id"`
			Key    string   `json:"key"`
			Scopes []string `json:"scopes"`
		}{id, key, scopes}, "id   %s\nkey  %s\nThe key is shown this once.\n", id, key)
	})
}

type keyJSON struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Tenant  string   `json:"tenant"`
	Scopes  []string `json:"scopes"`
	Created string   `json:"created"`
	Revoked string   `json:"revoked,omitempty"`
	Expires string   `json:"expires,omitempty"`
}

func (a *app) apikeyList() error {
	return a.look(func(h *home) error {
		keys, err := h.store.APIKeys(h.ctx)
		if err != nil {
			return err
		}
		list := make([]keyJSON, len(keys))
		for i, k := range keys {
			list[i] = keyJSON{ID: k.ID, Name: k.Name, Tenant: k.Tenant, Scopes: k.Scopes, Created: k.Created.UTC().Format(time.RFC3339)}
			if !k.Revoked.IsZero() {
				list[i].Revoked = k.Revoked.UTC().Format(time.RFC3339)
			}
			if !k.Expires.IsZero() {
				list[i].Expires = k.Expires.UTC().Format(time.RFC3339)
			}
		}
		return h.print(list, func(w io.Writer) error {
			for _, k := range list {
				state := "valid"
				if k.Expires != "" {
					state = "until " + k.Expires
				}
				if k.Revoked != "" {
					state = "revoked " + k.Revoked
				}
				if _, err := fmt.Fprintf(w, "%s  %-12s %-10s %-30s %s\n", k.ID, k.Name, k.Tenant, strings.Join(k.Scopes, ","), state); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (a *app) apikeyRevoke() error {
	return a.with(func(h *home) error {
		if err := h.store.RevokeAPIKey(h.ctx, h.args[0]); err != nil {
			return err
		}
		return h.say(map[string]any{"id": h.args[0], "revoked": true}, "revoked %s\n", h.args[0])
	})
}

// day reads a date, whose beginning in UTC counts, or a time of RFC 3339.
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, cli.Usagef("--until takes a date such as 2027-01-31")
}

// keep writes a key to a new file that its owner alone reads.
func keep(name, key string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.New("file.write", "give a new name in a folder that can be written", "cannot create %s", quote.Line(name))
	}
	_, err = f.WriteString(key + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New("file.write", "", "cannot write %s", quote.Line(name))
	}
	return nil
}
