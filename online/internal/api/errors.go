package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"coldsign/online/internal/intake"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// problem is an error as it goes out.
type problem struct {
	StatusCode int     `json:"statusCode"`
	ErrorCode  string  `json:"errorCode"`
	Message    string  `json:"message"`
	Data       []entry `json:"data,omitempty"`
}

func (p *problem) Error() string { return p.Message }

// entry is one bad field, in the documented shape.
type entry struct {
	Target      struct{}          `json:"target"`
	Value       *string           `json:"value"`
	Property    string            `json:"property"`
	Constraints map[string]string `json:"constraints"`
}

func errInternal() error {
	return &problem{http.StatusInternalServerError, "internal", "Internal server error", nil}
}

// statuses are the faults that a caller can do something about. Every other is
// ours: 500, and the code goes to the log alone.
func statuses() map[string]int {
	return map[string]int{
		"kms.missing":          http.StatusForbidden,
		"kms.txid.mismatch":    http.StatusForbidden,
		"state.conflict":       http.StatusForbidden,
		"idempotency.conflict": http.StatusConflict,
		"reservation.conflict": http.StatusConflict,
		"quota.exceeded":       http.StatusForbidden,
		"withdrawal.conflict":  http.StatusConflict,
		"withdrawal.missing":   http.StatusForbidden,
		"subscription.exists":  http.StatusForbidden,
		"subscription.limit":   http.StatusForbidden,
		"subscription.missing": http.StatusForbidden,
		"store.corrupt":        http.StatusServiceUnavailable, // it is read, not changed
		"store.lost":           http.StatusServiceUnavailable, // the same again is safe
		"store.busy":           http.StatusServiceUnavailable,
		"create.node":          http.StatusServiceUnavailable,
		"create.busy":          http.StatusServiceUnavailable,
		"create.fee":           http.StatusConflict,
		"create.lane":          http.StatusConflict,
		"create.funds":         http.StatusConflict,
		"create.inputs":        http.StatusConflict,
		"replace.unsent":       http.StatusConflict,
		"replace.fee":          http.StatusConflict,
		"replace.final":        http.StatusConflict,
		"replace.change":       http.StatusConflict,
		"replace.expires":      http.StatusConflict,
		"replace.chain":        http.StatusConflict,
		"replace.signers":      http.StatusConflict,
		"replace.conflict":     http.StatusConflict,
		"replace.complete":     http.StatusConflict,
		"replace.cancelled":    http.StatusConflict,
		"replace.limit":        http.StatusConflict,
		"requote.exists":       http.StatusConflict,
		"requote.live":         http.StatusConflict,
		"requote.early":        http.StatusConflict,
		"requote.taken":        http.StatusConflict,
		"requote.told":         http.StatusConflict,
		"requote.state":        http.StatusConflict,
		"requote.unproven":     http.StatusConflict,
		"requote.fee":          http.StatusConflict,
		"requote.nonce":        http.StatusConflict,
		"requote.limit":        http.StatusConflict,
	}
}

// explain makes the answer of an error.
func (k *call) explain(err error) reply {
	p, ok := errors.AsType[*problem](err)
	if fields, bad := errors.AsType[intake.FieldErrors](err); bad {
		p, ok = invalid(fields), true
	}
	if e, fails := errors.AsType[*fault.Error](err); !ok && fails {
		if status := statuses()[e.Code]; status != 0 {
			p, ok = &problem{status, e.Code, quote.Line(e.Error()), nil}, true
		}
		if e.Code == "create.node" { // where the node is, and its words, are ours to know
			k.Log.LogAttrs(k.Context(), slog.LevelWarn, "failed", slog.String("code", e.Code), slog.String("error", quote.Line(err.Error())))
		}
		if e.Code == "store.lost" || e.Code == "store.busy" { // where the database is, is ours to know
			k.Log.LogAttrs(k.Context(), slog.LevelError, "failed", slog.String("code", e.Code), slog.String("error", quote.Line(e.Error())))
			p.Message = "The database does not answer. Try again: what has an idempotency key is not done twice."
		}
		if e.Code == "store.corrupt" {
			p.Message = "The database is damaged: it is read, and nothing is changed."
		}
		if e.Code == "withdrawal.missing" { // as documented
			p.Message = "No such withdrawal."
		}
		if e.Code == "kms.missing" { // the documented words, the same for every such row
			p.Message = "No such KMS signature with id '" + display(k.PathValue("id")) + "'."
		}
	}
	if !ok {
		k.Log.LogAttrs(k.Context(), slog.LevelError, "failed", slog.String("code", fault.Code(err)), slog.String("error", quote.Line(err.Error())))
		return k.explain(errInternal())
	}
	return reply{p.StatusCode, p}
}

// invalid lists bad fields: one entry for each property, all it breaks in it.
func invalid(fields intake.FieldErrors) *problem {
	p := &problem{http.StatusBadRequest, "validation.failed", "Request validation failed. Please see data for additional information.", nil}
	at := map[string]int{}
	for _, f := range fields {
		i, ok := at[f.Property]
		if !ok && len(p.Data) == maxEntries {
			break
		}
		if !ok {
			i = len(p.Data)
			at[f.Property] = i
			e := entry{Property: display(f.Property), Constraints: map[string]string{}}
			if f.Value != "" {
				v := display(f.Value)
				if secret(f.Value) {
					v = "(not shown)"
				}
				e.Value = &v
			}
			p.Data = append(p.Data, e)
		}
		p.Data[i].Constraints[f.Code] = f.Message
	}
	return p
}

// secret tells what may be an API key or a private key in the wrong place: it is
// never sent back. Ids, at most 36 characters, are told from keys by length.
func secret(s string) bool { return len(s) > 40 || strings.HasPrefix(s, "csk_") }

// display caps what a caller sent and escapes what is not printable ASCII.
func display(s string) string {
	if len(s) <= maxValue {
		return quote.Line(s)
	}
	cut := maxValue
	for cut > maxValue-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return quote.Line(strings.ToValidUTF8(s[:cut], "?")) + "..."
}

// bad is one bad field.
func bad(property, code, message, value string) error {
	return intake.FieldErrors{{Property: property, Code: code, Message: message, Value: value}}
}
