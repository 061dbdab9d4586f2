package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSubscriptions: the calls of the KMS API, by either version, for one's own.
func TestSubscriptions(t *testing.T) {
	r := newRig(t)
	const who, body = "a/webhook", `{"type":"KMS_FAILED_TX","attr":{"url":"https://example.com/hook?token=1"}}`
	id := r.create(0)
	for _, v := range []string{"/v3/subscription", "/v4/subscription"} {
		r.want(r.send(who, "GET", v, ""), 200, "[]")
		a := r.send(who, "POST", v, body)
		var made struct{ ID, Secret string }
		if err := json.Unmarshal([]byte(a.Body), &made); err != nil || a.Status != 200 || !strings.HasPrefix(made.Secret, "whsec_") {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		r.want(r.send(who, "POST", v, body), 403, "")
		r.want(r.send(who, "GET", v, ""), 200, `[{"id":"`+made.ID+`","type":"KMS_FAILED_TX","attr":{"url":"https://example.com/hook?token=1"}}]`)
		r.want(r.send(who, "GET", v+"?offset=1&pageSize=1", ""), 200, "[]")
		r.want(r.send("b/webhook", "GET", v, ""), 200, "[]")
		r.want(r.send("a/sign", "POST", "/v3/tatum/kms/batch", `{"errors":[{"signatureId":"`+id+`","error":"out of gas"}]}`), 204, "")
		a = r.send(who, "GET", v+"/webhook?failed=false", "")
		r.want(a, 200, "[]")
		if a = r.send(who, "GET", v+"/webhook", ""); a.Status != 200 || !strings.Contains(a.Body, `"data":{"signatureId":"`+id+`","error":"out of gas","subscriptionType":"KMS_FAILED_TX"`) && v == "/v3/subscription" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		r.want(r.send(who, "PUT", v, `{"hmacSecret":"geheim"}`), 204, "")
		r.want(r.send(who, "DELETE", v, ""), 204, "")
		r.want(r.send("b/webhook", "DELETE", v+"/"+made.ID, ""), 403, "")
		r.want(r.send(who, "DELETE", v+"/"+made.ID, ""), 204, "")
		r.want(r.send(who, "DELETE", v+"/"+made.ID, ""), 403, "")
		if strings.Contains(r.log.String(), made.Secret) || strings.Contains(r.log.String(), "token") || strings.Contains(r.log.String(), "geheim") {
			t.Error("a secret is in the log")
		}
	}
}

func TestSubscriptionsRefuse(t *testing.T) {
	r := newRig(t)
	url := func(u string) string { return `{"type":"KMS_FAILED_TX","attr":{"url":"` + u + `"}}` }
	for body, property := range map[string]string{
		url("http://example.com/"): "attr.url", url("https://u:p@example.com/"): "attr.url", url("ftp://example.com"): "attr.url", url("https:///x"): "attr.url",
		url("https://example.com/#x"): "attr.url", url("https://example.com/" + strings.Repeat("a", 500)): "attr.url", url(""): "attr.url", url("file:///etc/passwd"): "attr.url", url("https://169.254.169.254/"): "attr.url",
		url("https://ex\\u00e4mple.com/"):                                                  "attr.url",
		`{"type":"ADDRESS_EVENT","attr":{"url":"https://example.com/"}}`:                   "type",
		`{"attr":{"url":"https://example.com/"}}`:                                          "type",
		`{"type":"KMS_FAILED_TX"}`:                                                         "attr",
		`{"type":"KMS_FAILED_TX","attr":{"url":"https://example.com/","chain":"ETH"}}`:     "attr.chain",
		`{"type":"KMS_FAILED_TX","attr":{"url":"https://example.com/"},"secret":"secret"}`: "secret",
	} {
		a := r.send("a/webhook", "POST", "/v3/subscription", body)
		if a.Status != 400 || !strings.Contains(a.Body, `"property":"`+property+`"`) || strings.Contains(a.Body, "secret\",\"prop") {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	for _, query := range []string{"?pageSize=0", "?pageSize=51", "?offset=-1", "?x=1", "/webhook?failed=1"} {
		r.want(r.send("a/webhook", "GET", "/v3/subscription"+query, ""), 400, "")
	}
	for _, body := range []string{`{}`, `{"hmacSecret":""}`, `{"hmacSecret":"ä"}`, `{"hmacSecret":"` + strings.Repeat("s", 101) + `"}`} {
		a := r.send("a/webhook", "PUT", "/v3/subscription", body)
		if a.Status != 400 || strings.Contains(a.Body, "sss") {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	for _, who := range []string{"a/read", "a/submit", "a/complete"} {
		r.want(r.send(who, "POST", "/v3/subscription", url("https://example.com/")), 403, "")
	}
}
