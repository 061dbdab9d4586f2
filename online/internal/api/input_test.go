package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestTypes sends every kind of value in every field of a submission.
func TestTypes(t *testing.T) {
	r := newRig(t)
	long := `"` + strings.Repeat("x", 1<<20) + `"`
	many := "[" + strings.Repeat("0,", 40_000) + "0]"
	base := []string{`""`, `0`, `-1`, `1.5`, `1e400`, `9223372036854775808`, `true`, `[]`, `{}`, long, many, `"\u0000"`, `"\u001b[2J"`, `"a\r\nb"`}
	right := map[string][]string{ // values of the list that are right in a field
		"network":             {},
		"index":               {"0"},
		"signatures":          {"[]"},
		"note":                {`"\u0000"`, `"\u001b[2J"`, `"a\r\nb"`},
		"withdrawalResponses": {"[]"},
	}
	rest := map[string]string{
		"chain": `"ETH"`, "hashes": `["` + walletID + `"]`, "transaction": web3(0),
	}
	body := func(name, value string) string {
		var members []string
		for n, v := range rest {
			if n != name && !(name == "serializedTransaction" && n == "transaction") {
				members = append(members, fmt.Sprintf("%q:%s", n, v))
			}
		}
		return "{" + strings.Join(append(members, fmt.Sprintf("%q:%s", name, value)), ",") + "}"
	}
	nonce := 1
	for _, name := range []string{"chain", "network", "hashes", "index", "signatures", "transaction", "serializedTransaction", "evidence", "note",
		"deadline", "withdrawalId", "withdrawalResponses"} {
		for _, value := range base {
			rest["transaction"] = web3(nonce)
			a := r.send("a/submit", "POST", "/v1/transactions", body(name, value))
			accepted := strings.Contains(" "+strings.Join(right[name], " ")+" ", " "+value+" ") && value != ""
			if accepted {
				nonce++
				r.want(a, 201, "")
				continue
			}
			r.invalid(a, name)
		}
		rest["transaction"] = web3(nonce)
		a := r.send("a/submit", "POST", "/v1/transactions", body(name, "null"))
		switch name {
		case "chain", "hashes":
			r.invalid(a, name)
		case "transaction", "serializedTransaction":
			r.invalid(a, "transaction")
		default:
			r.want(a, 201, "")
			nonce++
		}
	}
	ids := append(base, `["`+walletID+`",1]`, `["`+walletID+`x"]`, `[null]`, `[["`+walletID+`"]]`, `"`+walletID+`"`,
		`["`+strings.ReplaceAll(walletID, "3", "\u0663")+`"]`, `["00000000-0000-0000-0000-000000000000"]`)
	for _, value := range ids {
		if value != "[]" {
			r.invalid(r.send("a/read", "POST", "/v3/kms/pending/ETH", `{"signatureIds":`+value+`}`), "signatureIds")
		}
	}
}

// TestJSON: what two readers could read in two ways is refused, and makes no row.
func TestJSON(t *testing.T) {
	r := newRig(t)
	good := submission(0)
	in := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, x := range map[string]struct{ body, property string }{
		"duplicate key":          {in(`"chain":"ETH"`, `"chain":"ETH","chain":"ETH"`), "body"},
		"escaped duplicate":      {in(`"chain":"ETH"`, `"chain":"ETH","\u0063hain":"BTC"`), "body"},
		"nested duplicate":       {in(`"nonce":0`, `"nonce":0,"nonce":1`), "body"},
		"other case":             {in(`"chain"`, `"ChAiN"`), "ChAiN chain"},
		"other case beside":      {in(`"chain":"ETH"`, `"chain":"ETH","Chain":"BTC"`), "Chain"},
		"folding letter":         {in(`"hashes"`, `"ha\u017fhes"`), `"ha\u{017F}hes"`},
		"unknown key":            {in(`"chain"`, `"fromPrivateKey":"0xsecret","chain"`), "fromPrivateKey"},
		"unknown nested key":     {in(`"nonce"`, `"gasprice":"1","nonce"`), "transaction"},
		"__proto__":              {in(`"chain"`, `"__proto__":{},"chain"`), "__proto__"},
		"second object":          {good + good, "body"},
		"trailing bracket":       {good + "]", "body"},
		"byte order mark":        {"\ufeff" + good, "body"},
		"comment":                {"/* */" + good, "body"},
		"NaN":                    {in(`"nonce":0`, `"nonce":NaN`), "body"},
		"Infinity":               {in(`"nonce":0`, `"nonce":Infinity`), "body"},
		"plus sign":              {in(`"nonce":0`, `"nonce":+0`), "body"},
		"leading zero":           {in(`"nonce":0`, `"nonce":00`), "body"},
		"hex number":             {in(`"nonce":0`, `"nonce":0x0`), "body"},
		"float nonce":            {in(`"nonce":0`, `"nonce":0.0`), "transaction"},
		"exponent":               {in(`"nonce":0`, `"nonce":1e1`), "transaction"},
		"negative zero":          {in(`"nonce":0`, `"nonce":-0`), "transaction"},
		"unsafe integer":         {in(`"nonce":0`, `"nonce":9007199254740993`), "transaction"},
		"single quotes":          {strings.ReplaceAll(good, `"`, `'`), "body"},
		"trailing comma":         {in(`]`, `,]`), "body"},
		"lone surrogate":         {in(`ETH`, `\ud800`), "body"},
		"reversed surrogates":    {in(`ETH`, `\udc00\ud800`), "body"},
		"invalid UTF-8":          {in(`ETH`, "\xff"), "body"},
		"overlong UTF-8":         {in(`ETH`, "\xc0\x80"), "body"},
		"raw control character":  {in(`ETH`, "E\nTH"), "body"},
		"deep":                   {strings.Repeat("[", 100_000), "body"},
		"deep objects":           {strings.Repeat(`{"a":`, 33), "body"},
		"empty":                  {"", "body"},
		"array":                  {"[" + good + "]", "body"},
		"string":                 {`"x"`, "body"},
		"null":                   {"null", "body"},
		"too many values":        {`{"hashes":[` + strings.Repeat("0,", 200_000) + `0]}`, "body"},
		"all wrong at once":      {`{"chain":1,"hashes":"x","index":-1,"surprise":1}`, "chain hashes index surprise"},
		"private key in a field": {in(`"chain":"ETH"`, `"chain":"ETH","mnemonic":"test test junk"`), "mnemonic"},
	} {
		t.Run(name, func(t *testing.T) {
			r.T = t
			a := r.send("a/submit", "POST", "/v1/transactions", x.body)
			properties := strings.Split(x.property, " ")
			if name == "folding letter" {
				properties = []string{x.property, "hashes"}
			}
			if name == "other case" || name == "folding letter" {
				r.want(a, 400, "")
				for _, p := range properties[:1] {
					if !strings.Contains(a.Body, quoteJSON(p)) {
						t.Errorf("%s is not listed: %s", p, a.Body)
					}
				}
			} else {
				r.invalid(a, properties...)
			}
			for _, secret := range []string{"0xsecret", "test junk"} {
				if strings.Contains(a.Body, secret) {
					t.Errorf("the answer shows the value of an unknown field: %s", a.Body)
				}
			}
		})
	}
	r.T = t
	r.want(r.send("a/read", "GET", "/v1/transactions", ""), 200, `{"transactions":[],"next":null}`)
}

func TestIds(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	for _, bad := range []string{strings.ToUpper(id[:23] + "a"), id[:23], id + "0", "%00" + id[1:], id[:23] + "%20",
		id[:23] + "%D9%A1", strings.Repeat("g", 24), "'%20OR%201=1--"} {
		r.invalid(r.send("a/read", "GET", "/v3/kms/"+bad, ""), "id")
		r.invalid(r.send("a/read", "GET", "/v1/transactions/"+bad, ""), "id")
		r.invalid(r.send("a/submit", "DELETE", "/v3/kms/"+bad, ""), "id")
		r.invalid(r.send("a/complete", "PUT", "/v3/kms/"+bad+"/"+goodTxID, ""), "id")
	}
	for _, txID := range []string{"012345678", strings.Repeat("a", 81), "0123456789-", "%0a123456789", "0123456789%D9%A1"} {
		r.invalid(r.send("a/complete", "PUT", "/v3/kms/"+id+"/"+txID, ""), "txId")
	}
	r.invalid(r.send("a/complete", "PUT", "/v3/kms/x/y", ""), "id", "txId")
	for _, name := range []string{"eth", "POLYGON", "LUNA", "BTC%00", strings.Repeat("A", 5000)} {
		r.invalid(r.send("a/read", "GET", "/v3/kms/pending/"+name, ""), "chain")
		r.invalid(r.send("a/read", "POST", "/v3/kms/pending/"+name, "{}"), "chain")
	}
	for query, property := range map[string]string{"signatures=": "signatures", "signatures=x": "signatures", "signatures=" + walletID + ",": "signatures",
		"signatures=" + walletID + "&signatures=" + walletID: "signatures", "Signatures=" + walletID: "Signatures"} {
		r.invalid(r.send("a/read", "GET", "/v3/kms/pending/ETH?"+query, ""), property)
	}
	for _, revert := range []string{"maybe", "", "TRUE", "1"} {
		r.invalid(r.send("a/submit", "DELETE", "/v3/kms/"+id+"?revert="+revert, ""), "revert")
	}
	r.want(r.send("a/submit", "DELETE", "/v3/kms/"+id, ""), 204, "")
}

func TestIdsMany(t *testing.T) {
	r := newRig(t)
	r.create(0)
	ids := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"%08x-0000-4000-8000-000000000001"`, i)
		}
		list[n-1] = `"` + walletID + `"`
		return `{"signatureIds":[` + strings.Join(list, ",") + `]}`
	}
	if a := r.send("a/read", "POST", "/v3/kms/pending/ETH", ids(25_000)); a.Status != 200 || strings.Count(a.Body, `"id"`) != 1 {
		t.Errorf("25,000 ids: %d %.200s", a.Status, a.Body)
	}
	a := r.send("a/read", "POST", "/v3/kms/pending/ETH", ids(25_001))
	r.invalid(a, "signatureIds")
	if !strings.Contains(a.Body, "25000") {
		t.Errorf("the limit is not named: %s", a.Body)
	}
}

func TestTransportBodies(t *testing.T) {
	r := newRig(t)
	header := func(name, value string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set(name, value) }
	}
	for _, encoding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
		r.want(r.send("a/submit", "POST", "/v1/transactions", submission(0), header("Content-Encoding", encoding)), 415,
			`{"statusCode":415,"errorCode":"request.encoding","message":"Send the body uncompressed."}`)
		r.want(r.send("a/read", "POST", "/v3/kms/pending/ETH", "{}", header("Content-Encoding", encoding)), 415, "")
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";"} {
		r.want(r.send("a/submit", "POST", "/v1/transactions", submission(0), header("Content-Type", kind)), 415, "")
	}
	r.want(r.send("a/read", "POST", "/v3/kms/pending/ETH", "{}", header("Content-Type", "application/json; charset=utf-8")), 200, "")
	r.want(r.send("a/read", "POST", "/v3/kms/pending/ETH", strings.Repeat(" ", 2<<20+1)), 413,
		`{"statusCode":413,"errorCode":"request.size","message":"The body has more than 2097152 bytes."}`)
	r.want(r.send("a/submit", "POST", "/v1/transactions", strings.Repeat(" ", 8<<20+1)), 413, "")
	r.want(r.send("a/read", "POST", "/v3/kms/pending/ETH", "{}"+strings.Repeat(" ", 2<<20-2)), 200, "")
}

func TestIdsPaths(t *testing.T) {
	r := newRig(t)
	for _, x := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404}, {"GET", "/v3", 404}, {"GET", "/v3/kms", 404}, {"GET", "/v4/kms/pending/ETH", 404}, {"GET", "/v3/kms/a/b/c", 404},
		{"POST", "/healthz", 405}, {"DELETE", "/v1/transactions", 405}, {"PATCH", "/v1/transactions", 405}, {"DELETE", "/v3/kms/pending/ETH", 405},
		{"BREW", "/v1/transactions", 405}, {"OPTIONS", "/v1/transactions", 405},
		{"GET", "/v3/kms//pending/ETH", 400}, {"GET", "/v3/../v3/kms/pending/ETH", 400}, {"GET", "/v1/transactions/", 400}, {"GET", "/v3/kms/%2e%2e/x", 400},
		{"GET", "/v3/kms/..%2f..%2fetc", 400}, {"PUT", "/v3/kms/..%2fx/" + goodTxID, 400}, {"GET", "/v3/kms/pending/%2e", 400},
	} {
		a := r.send("a/admin", x.method, x.path, "")
		if a.Status != x.status || !strings.Contains(a.Body, fmt.Sprintf(`"statusCode":%d`, x.status)) || a.Header.Get("Location") != "" {
			t.Errorf("%s %s: %d %s, want %d", x.method, x.path, a.Status, a.Body, x.status)
		}
	}
}

// TestInjectionLog: one line of JSON for each request, whatever it holds.
func TestInjectionLog(t *testing.T) {
	r := newRig(t)
	id := r.create(0)
	before := strings.Count(r.log.String(), "\n")
	evil := "%0d%0a{\"level\":\"ERROR\"}%1b[2J"
	r.send("a/read", "GET", "/v3/kms/"+evil, "")
	r.send("a/read", "GET", "/"+evil, "")
	r.send("a/read", "EVIL", "/"+evil, "", func(q *http.Request) { q.Method = "EV\x1b\nIL" })
	r.send("a/read", "GET", "/v3/kms/"+id+"?x-api-key=secretsecret", "")
	after := r.log.String()
	if n := strings.Count(after, "\n") - before; n != 4 {
		t.Errorf("%d lines for 4 requests", n)
	}
	for _, leak := range []string{"secretsecret", "2J", "IL\"", id} {
		if strings.Contains(after, leak) {
			t.Errorf("the log holds %q", leak)
		}
	}
}
