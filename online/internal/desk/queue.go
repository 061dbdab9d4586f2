package desk

import (
	"context"
	"encoding/base64"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"coldsign/online/internal/account"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func queueRoutes() []route {
	return []route{{pattern: "GET /desk/{$}", need: account.Viewer, do: queuePage}}
}

const (
	pageRows = 50
	patience = 50 * time.Millisecond // for sums, on each page
)

// queueView is what the queue shows.
type queueView struct {
	Rows    []store.Line
	Query   store.Query
	Counts  []count
	Totals  []total
	Assets  []store.Movement // that are on their way, to choose from
	Chains  []string
	Next    string // of the page that follows; ""
	First   string // of the first page, where this is another
	Reading bool   // rows are still being read for the lists
	Least   string
	Filters bool // some are set beside the state
	Nothing bool // there are no rows at all
}

// count is how many rows are in a state, and the page of them.
type count struct {
	State, Path string
	Count       int64
	Here        bool
}

// total is what is on its way of one asset.
type total struct {
	store.Movement
	Payments int64
	Parts    []store.Sum // by state
}

// openRows is the filter of rows that are not at their end.
const openRows = "open"

func queuePage(r *request) error {
	v := queueView{}
	var err error
	if v.Query, err = r.readQuery(); err != nil {
		return err
	}
	if v.Reading, err = r.index.catchUp(r.Context(), batch); err != nil {
		return err
	}
	if v.Totals, err = r.totals.get(r.Context(), r.Store); err != nil {
		return err
	}
	if v.Rows, err = r.Store.Page(r.Context(), v.Query); err != nil {
		return err
	}
	values := r.URL.Query()
	v.Least = values.Get("least")
	v.Nothing = v.counts(r.totals.counts(), values) == 0
	for _, x := range v.Totals {
		v.Assets = append(v.Assets, x.Movement)
	}
	if a := v.Query.Asset; a != "" && !slices.ContainsFunc(v.Assets, func(m store.Movement) bool { return m.Asset == a }) {
		v.Assets = append(v.Assets, store.Movement{Asset: a})
	}
	for _, c := range r.Chains.All() {
		v.Chains = append(v.Chains, c.Name)
	}
	for _, name := range []string{"chain", "wallet", "asset", "q", "least", "order"} {
		v.Filters = v.Filters || values.Get(name) != ""
	}
	if v.Query.After.N != 0 {
		v.First = with(values, "after", "")
	}
	if len(v.Rows) == v.Query.Limit {
		c := v.Rows[len(v.Rows)-1].Cursor()
		v.Next = with(values, "after", base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.N, 10)+" "+c.Key)))
	}
	return r.page("queue", v)
}

// with is the address of the queue with one value changed; "" takes it away.
func with(values url.Values, name, value string) string {
	next := url.Values{}
	for k, list := range values {
		if k != name && (k != "after" || name == "after") && len(list) > 0 && list[0] != "" {
			next.Set(k, list[0])
		}
	}
	if value != "" {
		next.Set(name, value)
	}
	if len(next) == 0 {
		return "/desk/"
	}
	return "/desk/?" + next.Encode()
}

// counts makes the list of states, and gives the number of all rows.
func (v *queueView) counts(by map[pending.State]int64, values url.Values) (all int64) {
	var open int64
	var list []count
	for i, s := range pending.States() {
		n := by[s]
		all += n
		if i < 5 {
			open += n
		}
		if n > 0 || v.Query.State == string(s) {
			list = append(list, count{string(s), with(values, "state", string(s)), n, v.Query.State == string(s)})
		}
	}
	v.Counts = append([]count{
		{"all", with(values, "state", ""), all, v.Query.State == "" && !v.Query.Open},
		{openRows, with(values, "state", openRows), open, v.Query.Open},
	}, list...)
	return all
}

// readQuery reads the filters of the address.
func (r *request) readQuery() (q store.Query, err error) {
	values := r.URL.Query()
	bad := func(what string) error { return fault.New("desk.query", "choose again", "%s", what) }
	for _, list := range values {
		if len(list) != 1 || len(list[0]) > 4*maxSearch || !utf8.ValidString(list[0]) || strings.ContainsRune(list[0], 0) {
			return q, bad("the address of this page is wrong")
		}
	}
	q = store.Query{
		Chain: values.Get("chain"), Wallet: strings.ToLower(values.Get("wallet")), Asset: values.Get("asset"), Search: strings.TrimSpace(values.Get("q")),
		Order: store.Order(values.Get("order")), Limit: pageRows,
	}
	if q.State = values.Get("state"); q.State == openRows {
		q.State, q.Open = "", true
	}
	if q.State != "" && !slices.Contains(pending.States(), pending.State(q.State)) {
		return q, bad("there is no such state")
	}
	if len(q.Search) > maxSearch {
		return q, bad("the search is too long")
	}
	if q.Asset == "" && (q.Order == store.Largest || q.Order == store.Smallest) {
		q.Order = store.Newest
	}
	if text := values.Get("least"); text != "" && q.Asset != "" {
		if q.Least, err = r.amount(text, q.Asset); err != nil {
			return q, err
		}
	}
	if text := values.Get("after"); text != "" {
		raw, _ := base64.RawURLEncoding.DecodeString(text) // what is none has no number in it
		n, key, ok := strings.Cut(string(raw), " ")
		if q.After.N, err = strconv.ParseInt(n, 10, 64); err != nil || !ok || q.After.N < 1 || len(key) > 128 || strings.Trim(key, "0123456789") != "" {
			return q, bad("the address of this page is wrong")
		}
		q.After.Key = key
	}
	return q, nil
}

// amount reads a decimal amount of an asset in its units, as base units.
func (r *request) amount(text, asset string) (*big.Int, error) {
	decimals := 0
	for _, t := range r.totals.last() {
		if t.Asset == asset {
			decimals = max(0, t.Decimals)
		}
	}
	n, ok := units(text, decimals)
	if !ok {
		return nil, fault.New("desk.amount", "write it like 1.5", "%q is no amount of this asset", text)
	}
	return n, nil
}

// units reads a decimal number as a whole number of 10^-decimals.
func units(text string, decimals int) (*big.Int, bool) {
	whole, part, _ := strings.Cut(strings.ReplaceAll(text, " ", ""), ".")
	part = strings.TrimRight(part, "0")
	if whole == "" || len(whole)+decimals > 78 || len(part) > decimals || strings.Trim(whole+part, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(whole+part+strings.Repeat("0", decimals-len(part)), 10)
}

// totals are what was added up last: again when something has changed.
type totals struct {
	lock sync.Mutex
	mark store.Mark
	at   time.Time     // when
	took time.Duration // that long
	list []total
	by   map[pending.State]int64
}

func (t *totals) get(ctx context.Context, s *store.Store) ([]total, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	mark, err := s.Mark(ctx)
	// Of very many rows the sums of a moment ago will do.
	if err != nil || t.by != nil && (mark == t.mark || t.took > patience && time.Since(t.at) < 20*t.took) {
		return t.list, err
	}
	t.at = time.Now()
	defer func() { t.took = time.Since(t.at) }()
	sums, err := s.Sums(ctx)
	if err != nil {
		return nil, err
	}
	by, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	t.mark, t.by, t.list = mark, by, nil
	slices.SortStableFunc(sums, func(a, b store.Sum) int {
		return slices.Index(pending.States(), a.State) - slices.Index(pending.States(), b.State)
	})
	at := map[string]int{}
	for _, x := range sums {
		i, ok := at[x.Asset]
		if !ok {
			i = len(t.list)
			m := x.Movement
			m.Amount = new(big.Int)
			at[x.Asset], t.list = i, append(t.list, total{Movement: m})
		}
		t.list[i].Amount.Add(t.list[i].Amount, x.Amount)
		t.list[i].Payments += x.Payments
		t.list[i].Parts = append(t.list[i].Parts, x)
	}
	slices.SortFunc(t.list, func(a, b total) int {
		return strings.Compare(chain.ID(a.Asset).Namespace()+a.Asset, chain.ID(b.Asset).Namespace()+b.Asset)
	})
	return t.list, nil
}

func (t *totals) last() []total {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.list
}

func (t *totals) counts() map[pending.State]int64 {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.by
}
