package desk

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"math/big"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"

	"coldsign/online/internal/account"
	"coldsign/online/internal/desk/carry"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// functions are what templates call.
func (d *Desk) functions() template.FuncMap {
	return template.FuncMap{
		"t":         text,
		"rehearsal": func() bool { return d.Rehearsal },
		"line":      quote.Line,
		"asset":     d.address,
		"most":      func() int { return carry.MaxFile },
		"csrf":      func(v view) template.HTML { return v.CSRFField() },
		"may": func(v view, role string) bool {
			need, err := account.ParseRole(role)
			return err == nil && v.Role.May(need)
		},
		"label":  d.labelText,
		"millis": func(d time.Duration) int64 { return d.Milliseconds() },
		"locked": func(u store.User) bool { return d.Now().Before(u.Locked) },
		"stamp":  stamp,
		"ago":    func(at time.Time) string { return ago(d.Now().Sub(at)) },
		"unix":   func(n int64) time.Time { return time.Unix(n, 0) },
		"short":  short,
		"state":  func(s string) string { return text("state." + s) },
		"amount": decimal,
		"plain": func(n *big.Int, a chain.Asset) string {
			return decimal(store.Movement{Amount: n, Decimals: a.Decimals})
		},
		"iso": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"orders": func() []store.Order {
			return []store.Order{store.Newest, store.Oldest, store.Soonest, store.Largest, store.Smallest}
		},
		"more":    func(n int64) int64 { return n - 1 },
		"netname": d.networkName,
		"clip":    clip,
		"zero":    func(id bundle.ID) bool { return id == bundle.ID{} },
		"hex":     func(b []byte) string { return fmt.Sprintf("%x", b) },
		"nav":     d.nav,
		"dict":    dict,
	}
}

// CSRFField is the hidden field of a form that changes something.
func (v view) CSRFField() template.HTML {
	return template.HTML(`<input type="hidden" name="csrf" value="` + template.HTMLEscapeString(v.CSRF) + `">`)
}

// stamp writes a time for people: UTC, to the second.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

// ago writes how long something is past, or ahead, in its largest unit.
func ago(d time.Duration) string {
	if d < 0 {
		return "in " + age(-d)
	}
	return age(d) + " ago"
}

// age writes how long something takes, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// short leaves the middle of a long word out. The whole one stands in a title.
func short(s string) string {
	s = quote.Line(s)
	if len(s) <= 22 {
		return s
	}
	return s[:10] + "…" + s[len(s)-8:]
}

// decimal writes an amount in the units of its asset, or in base units where nobody
// trusted has said what those are; thousands apart by thin spaces.
func decimal(m store.Movement) string {
	if m.Amount == nil {
		return "-"
	}
	whole, part, cut := strings.Cut(chain.Decimal(m.Amount, m.Decimals), ".")
	var groups []string
	for len(whole) > 3 {
		groups, whole = append([]string{whole[len(whole)-3:]}, groups...), whole[:len(whole)-3]
	}
	text := strings.Join(append([]string{whole}, groups...), "\u202f")
	if cut {
		text += "." + part
	}
	if m.Decimals < 0 {
		text += " base units"
	}
	return text
}

// networkName is a network for people.
func (d *Desk) networkName(id chain.ID) string {
	if _, n, ok := d.Chains.ByNetwork(id); ok {
		return n.Name
	}
	return quote.Line(string(id))
}

// clip writes bytes in hexadecimal, the first of many.
func clip(b []byte) string {
	if len(b) > maxShown {
		return fmt.Sprintf("%x… (%d bytes)", b[:maxShown], len(b))
	}
	return fmt.Sprintf("%x", b)
}

// dict makes a map of names and values, for a part that takes several.
func dict(list ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		name, ok := list[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", list[i])
		}
		m[name] = list[i+1]
	}
	return m, nil
}

// link is a place in the navigation.
type link struct {
	Path, Text string
	Here       bool
}

// nav is what the user may go to.
func (d *Desk) nav(v view) (list []link) {
	for _, x := range []struct {
		path, text string
		need       account.Role
	}{
		{"/desk/", "nav.queue", account.Viewer},
		{"/desk/create", "nav.create", account.Submitter},
		{"/desk/send", "nav.send", account.Operator},
		{"/desk/take", "nav.take", account.Operator},
		{"/desk/wallets", "nav.wallets", account.Viewer},
		{"/desk/health", "nav.health", account.Viewer},
		{"/desk/audit", "nav.audit", account.Viewer},
		{"/desk/keys", "nav.keys", account.Admin},
		{"/desk/webhooks", "nav.webhooks", account.Viewer},
		{"/desk/users", "nav.users", account.Admin},
	} {
		if _, pattern := d.mux.Handler(probe(x.path)); v.Role.May(x.need) && pattern != "/desk/" {
			list = append(list, link{x.path, text(x.text), v.Path == x.path || x.path != "/desk/" && strings.HasPrefix(v.Path, x.path)})
		}
	}
	return list
}

// qrImage is a QR code as the address of an image.
func qrImage(content string) (template.URL, error) {
	code, err := qrcode.New(content, qrcode.Medium)
	if err != nil {
		return "", err
	}
	png, err := code.PNG(-6) // six pixels for each module
	if err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)), nil
}
