//! Enums: records whose key 0 is the variant's number, or that number alone.

/// An enum whose variants have fields: a record with the variant's number as key 0, and the
/// variant's fields from key 1 on. A field with `[max N]` is limited as in [`record!`](crate::record!).
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $tag:literal => $variant:ident {
                    $(
                        $(#[$field_meta:meta])*
                        $key:literal => $field:ident : $type:ty $([max $max:expr])?
                    ),* $(,)?
                }
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $(
                $(#[$variant_meta])*
                $variant { $($(#[$field_meta])* $field: $type,)* },
            )*
        }

        $(const _: () = $crate::assert_keys(&[0, $($key),*]);)*

        impl $crate::Encode for $name {
            fn encode(&self, encoder: &mut $crate::Encoder) {
                encoder.record(|record| match self {
                    $(Self::$variant { $($field,)* } => {
                        let tag: u64 = $tag;
                        record.field(0, &tag);
                        $(record.field($key, $field);)*
                    })*
                });
            }
        }

        impl $crate::Decode for $name {
            fn decode(
                decoder: &mut $crate::Decoder<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                let mut record = decoder.record()?;
                let missing = $crate::Problem::Missing { key: 0 };
                if record.key()? != ::core::option::Option::Some(0) {
                    return ::core::result::Result::Err(record.error(stringify!($name), missing));
                }
                let tag: u64 = record.value()?;
                match tag {
                    $($tag => {
                        $(
                            let mut $field: ::core::option::Option<$type> =
                                ::core::option::Option::None;
                        )*
                        while let ::core::option::Option::Some(key) = record.key()? {
                            match key {
                                $($key => {
                                    $field = ::core::option::Option::Some(
                                        $crate::read_field!(record $($max)?)
                                    );
                                })*
                                _ => record.unknown(key)?,
                            }
                        }
                        ::core::result::Result::Ok(Self::$variant {
                            $($field: record.required($field, $key, stringify!($field))?,)*
                        })
                    })*
                    _ => {
                        let problem = $crate::Problem::UnknownVariant { tag };
                        ::core::result::Result::Err(record.error(stringify!($name), problem))
                    }
                }
            }
        }
    };
}

/// An enum whose variants have no fields: an unsigned integer.
#[macro_export]
macro_rules! code {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $tag:literal => $variant:ident),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $($(#[$variant_meta])* $variant,)*
        }

        impl $crate::Encode for $name {
            fn encode(&self, encoder: &mut $crate::Encoder) {
                encoder.unsigned(match self {
                    $(Self::$variant => $tag,)*
                });
            }
        }

        impl $crate::Decode for $name {
            fn decode(
                decoder: &mut $crate::Decoder<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                let unknown = decoder.clone();
                match decoder.unsigned()? {
                    $($tag => ::core::result::Result::Ok(Self::$variant),)*
                    tag => {
                        let problem = $crate::Problem::UnknownVariant { tag };
                        ::core::result::Result::Err(unknown.error(stringify!($name), problem))
                    }
                }
            }
        }
    };
}
