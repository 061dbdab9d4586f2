package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// id reads the path's id.
func (k *call) id() (bundle.ID, error) {
	id, err := bundle.ParseID(k.PathValue("id"))
	if err != nil {
		return id, bad("id", "length", "id must be 24 lower-case hex characters", k.PathValue("id"))
	}
	return id, nil
}

// query reads the query: the parameters named, each at most once.
func (k *call) query(names ...string) (url.Values, error) {
	q, err := url.ParseQuery(k.URL.RawQuery)
	if err != nil {
		return nil, bad("query", "isQuery", "the query must be well formed", "")
	}
	var e intake.FieldErrors
	for name, values := range q {
		switch {
		case !slices.Contains(names, name):
			e = append(e, unknownProperty(name))
		case len(values) > 1:
			e = append(e, intake.FieldError{Property: name, Code: "isUnique", Message: name + " must be given once"})
		}
	}
	if e != nil {
		return nil, e
	}
	return q, nil
}

// body reads the whole body, which must be plain JSON of at most max bytes.
func (k *call) body(max int64) ([]byte, error) {
	if e := k.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &problem{http.StatusUnsupportedMediaType, "request.encoding", "Send the body uncompressed.", nil}
	}
	if t := k.Header.Get("Content-Type"); t != "" {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != "application/json" {
			return nil, &problem{http.StatusUnsupportedMediaType, "request.type", "Send the body as application/json.", nil}
		}
	}
	b, err := io.ReadAll(http.MaxBytesReader(k.w, k.Body, max))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, &problem{http.StatusRequestEntityTooLarge, "request.size", fmt.Sprintf("The body has more than %d bytes.", max), nil}
	}
	if err != nil {
		return nil, &problem{http.StatusBadRequest, "request.body", "The body could not be read.", nil}
	}
	return b, nil
}

// fields is a JSON object being read. It collects what is wrong.
type fields struct {
	strictjson.Fields
	errs intake.FieldErrors
}

// object parses a body that must be an object of the named members.
func object(b []byte, names ...string) (*fields, error) {
	v, err := strictjson.Parse(b)
	if err != nil {
		return nil, bad("body", "isJson", err.(*fault.Error).What, "")
	}
	if v.Kind != strictjson.Object {
		return nil, bad("body", "isObject", "the body must be a JSON object", "")
	}
	f := &fields{}
	var unknown []string
	f.Fields, unknown = v.Object(names...)
	for _, name := range unknown {
		f.errs = append(f.errs, unknownProperty(name))
	}
	return f, nil
}

// unknownProperty never shows the value: it may be a private key in a field of
// another API.
func unknownProperty(name string) intake.FieldError {
	return intake.FieldError{Property: name, Code: "whitelistValidation", Message: "property " + display(name) + " should not exist"}
}

// fail notes a bad field; secret values are not shown.
func (f *fields) fail(name, code, message string) {
	e := intake.FieldError{Property: name, Code: code, Message: name + " " + message}
	if v := f.Fields[name]; v.Kind > strictjson.Null && v.Kind < strictjson.Array && !slices.Contains([]string{"transaction", "serializedTransaction", "evidence"}, name) {
		e.Value = v.Text
	}
	f.errs = append(f.errs, e)
}

func (f *fields) has(name string) bool { return f.Fields[name].Kind != strictjson.Absent }

// text reads a string that is not empty, "" where there is none.
func (f *fields) text(name string, max int) string {
	v := f.Fields[name]
	switch {
	case !f.has(name):
	case v.Kind != strictjson.String:
		f.fail(name, "isString", "must be a string")
	case v.Text == "":
		f.fail(name, "isNotEmpty", "must not be empty")
	case len(v.Text) > max:
		f.fail(name, "maxLength", fmt.Sprintf("must have at most %d bytes", max))
	default:
		return v.Text
	}
	return ""
}

// number reads an integer from min to max, nil where there is none.
func (f *fields) number(name string, min, max uint64) *uint64 {
	if !f.has(name) {
		return nil
	}
	n, ok := f.Fields[name].Uint(max)
	if !ok || n < min {
		f.fail(name, "isInt", fmt.Sprintf("must be an integer from %d to %d", min, max))
		return nil
	}
	return &n
}

// items reads an array, none where there is none.
func (f *fields) items(name string, max int) []strictjson.Value {
	v := f.Fields[name]
	switch {
	case !f.has(name):
	case v.Kind != strictjson.Array:
		f.fail(name, "isArray", "must be an array")
	case len(v.Items) > max:
		f.fail(name, "arrayMaxSize", fmt.Sprintf("must contain at most %d elements", max))
	default:
		return v.Items
	}
	return nil
}

// uuids reads an array of signature ids and spells them in lower case.
func (f *fields) uuids(name string, max int) []string {
	items := f.items(name, max)
	list := make([]string, 0, len(items))
	for _, v := range items {
		if v.Kind == strictjson.String && canonical(v.Text) {
			list = append(list, v.Text)
			continue
		}
		if _, err := bundle.ParseSignatureID(v.Text); err != nil || v.Kind != strictjson.String {
			f.fail(name, "isUuid", "must hold UUIDs")
			f.errs[len(f.errs)-1].Value = v.Text
			break
		}
		list = append(list, strings.ToLower(v.Text))
	}
	return list
}

// canonical knows most signature ids at once: a poll has 25,000 of them. What
// it does not know, bundle.ParseSignatureID judges.
func canonical(s string) bool {
	if len(s) != 36 || s[0] == '0' { // the zero UUID is none
		return false
	}
	for i := range len(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if c := s[i]; hyphen != (c == '-') || !hyphen && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
