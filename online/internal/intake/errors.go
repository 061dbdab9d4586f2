package intake

import (
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// FieldError says what is wrong with one property of a submission.
type FieldError struct {
	Property string
	Code     string // stable: the constraint that is broken
	Message  string // printable ASCII
	Value    string // what was given, as it was given; "" where it is not to be shown
}

// FieldErrors are all that is wrong. As an error it reads as its first.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	var lines []string
	for _, f := range e {
		lines = append(lines, quote.Line(f.Property)+": "+f.Message)
	}
	return strings.Join(lines, "; ")
}

// with gives err as the one bad property, nil for nil. What a codec says of the
// evidence is of that property.
func with(property string, err error) error {
	if err == nil {
		return nil
	}
	if strings.HasSuffix(fault.Code(err), ".evidence") {
		property = "evidence"
	}
	return FieldErrors{{Property: property, Code: fault.Code(err), Message: quote.Line(err.Error())}}
}

// bad notes a broken constraint.
func (e *FieldErrors) bad(property, code, message, value string) {
	*e = append(*e, FieldError{property, code, message, value})
}
