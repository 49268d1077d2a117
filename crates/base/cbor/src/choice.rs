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
                        let tag: i64 = $tag;
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
                let tag = record.tag(stringify!($name))?;
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

/// An enum whose variants are records of their own: the variant's number as key 0, and then the
/// record's keys, of which none is 0. It gets a function `tag` that gives the number.
#[macro_export]
macro_rules! tagged {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $tag:literal => $variant:ident($record:ty)),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $($(#[$variant_meta])* $variant($record),)*
        }

        $(const _: () = $crate::assert_keys_after_tag(<$record as $crate::Record>::KEYS);)*

        impl $name {
            /// The numbers of all variants.
            $vis const TAGS: &'static [i64] = &[$($tag),*];

            /// The number of this variant.
            $vis const fn tag(&self) -> i64 {
                match self {
                    $(Self::$variant(_) => $tag,)*
                }
            }
        }

        impl $crate::Encode for $name {
            fn encode(&self, encoder: &mut $crate::Encoder) {
                encoder.record(|record| {
                    record.field(0, &self.tag());
                    match self {
                        $(Self::$variant(inner) => $crate::Record::write_fields(inner, record),)*
                    }
                });
            }
        }

        impl $crate::Decode for $name {
            fn decode(
                decoder: &mut $crate::Decoder<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                let mut record = decoder.record()?;
                match record.tag(stringify!($name))? {
                    $($tag => $crate::Record::read_fields(&mut record).map(Self::$variant),)*
                    tag => {
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
                        let tag = ::core::convert::TryFrom::try_from(tag).unwrap_or(i64::MAX);
                        let problem = $crate::Problem::UnknownVariant { tag };
                        ::core::result::Result::Err(unknown.error(stringify!($name), problem))
                    }
                }
            }
        }
    };
}
