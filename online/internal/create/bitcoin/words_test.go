package bitcoin_test

import (
	"errors"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	faults "coldsign/shared/fault"
)

type pendingRow = pending.Transaction

// fault is the code of an error.
func fault(err error) string { return faults.Code(err) }

// field is the first bad field and what it breaks, "" for another error.
func field(err error) string {
	e, ok := errors.AsType[intake.FieldErrors](err)
	if !ok {
		return ""
	}
	return e[0].Property + " " + e[0].Code
}
