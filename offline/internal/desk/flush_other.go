//go:build !linux

package desk

import "errors"

func flush(int) error { return errors.ErrUnsupported }
