//go:build !linux || !amd64

package tamper

import (
	"context"
	"errors"
)

// Run works on linux/amd64 only.
func Run(context.Context, Plan) (Report, error) {
	return Report{}, errors.New("tamper works on linux/amd64 only: elsewhere the registers have other names")
}
