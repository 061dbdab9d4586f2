//go:build !linux

package console

import "errors"

func dropTyped(int) error { return errors.ErrUnsupported }

func silence(int) (func(), error) { return nil, errors.ErrUnsupported }
