package tokenry

import (
	"context"
	"encoding/json"
	"reflect"
)

// Optional is an argument that may be left out. Set gives it a value, Null sends null.
type Optional[T any] struct {
	value T
	state state
}

type state int

const (
	absent state = iota
	null
	present
)

// Set returns an argument with a value.
func Set[T any](value T) Optional[T] {
	return Optional[T]{value: value, state: present}
}

// Null returns an argument that is sent as null: of ExpiresInSeconds, for instance, it asks for a key that never expires.
func Null[T any]() Optional[T] {
	return Optional[T]{state: null}
}

// Get returns the value, and whether there is one.
func (o Optional[T]) Get() (T, bool) {
	return o.value, o.state == present
}

func (o Optional[T]) given() (any, bool) {
	if o.state == null {
		return nil, true
	}
	return o.value, o.state == present
}

// Page is a part of a list. NextCursor is empty on the last page.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// List is a list that is always whole.
type List[T any] struct {
	Items []T `json:"items"`
}

type paged[P any] interface {
	after(cursor string) P
}

// Each calls do with every record of a list, page after page, and stops at the first error:
//
//	err := tokenry.Each(ctx, tk.Keys.List, tokenry.KeysListParams{}, func(key tokenry.Key) error { … })
func Each[T any, P paged[P]](
	ctx context.Context, list func(context.Context, P) (*Page[T], error), params P, do func(T) error,
) error {
	for {
		page, err := list(ctx, params)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := do(item); err != nil {
				return err
			}
		}
		if page.NextCursor == "" {
			return nil
		}
		params = params.after(page.NextCursor)
	}
}

// fieldsOf returns the arguments that are given, by their names on the wire.
func fieldsOf(params any) map[string]any {
	fields := map[string]any{}
	value := reflect.ValueOf(params)
	for place := 0; place < value.NumField(); place++ {
		field := value.Field(place)
		name := value.Type().Field(place).Tag.Get("json")
		switch one := field.Interface().(type) {
		case interface{ given() (any, bool) }:
			if given, ok := one.given(); ok {
				fields[name] = given
			}
		default:
			switch field.Kind() {
			case reflect.Slice, reflect.Map, reflect.Interface:
				if field.IsNil() {
					continue
				}
			}
			fields[name] = one
		}
	}
	return fields
}

func marshalGiven(params any) ([]byte, error) {
	return json.Marshal(fieldsOf(params))
}
