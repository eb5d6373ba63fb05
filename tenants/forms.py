"""What admins type. Errors say what to do, and the text stays."""

from django import forms
from django.contrib.auth import password_validation

from tenants.models import Feature, Role

WHY = {
    "required": "Say why in a few words: it stands in the history beside your name.",
    "min_length": "Say why in a few words: it stands in the history beside your name.",
}


class Why(forms.Form):
    reason = forms.CharField(min_length=4, max_length=500, error_messages=WHY, widget=forms.Textarea(attrs={"rows": 2}))


class MemberForm(forms.Form):
    email = forms.EmailField(
        max_length=254,
        error_messages={"required": "Write their e-mail.", "invalid": "Write it like name@example.net."},
    )
    name = forms.CharField(max_length=120, required=False)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)


class RoleForm(Why):
    role = forms.ChoiceField(choices=Role.choices)


class KeyForm(forms.Form):
    label = forms.CharField(max_length=80, error_messages={"required": "Say what the key is for."})


class FlagForm(Why):
    mode = forms.ChoiceField(choices=Feature.Mode.choices)
    percent = forms.IntegerField(
        min_value=1,
        max_value=99,
        required=False,
        error_messages={"invalid": "Write a whole number.", "min_value": "At least 1.", "max_value": "At most 99."},
    )
    people = forms.MultipleChoiceField(required=False)
    version = forms.IntegerField(min_value=0)

    def __init__(self, *args: object, members: list[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["people"].choices = members  # type: ignore[attr-defined]

    def clean(self) -> dict:
        data = super().clean() or {}
        if data.get("mode") == Feature.Mode.SHARE and not data.get("percent") and "percent" not in self.errors:
            self.add_error("percent", "Write a share from 1 to 99 percent.")
        return data


class PasswordForm(forms.Form):
    password = forms.CharField(
        min_length=8,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Choose a password.", "min_length": "Choose at least 8 characters."},
    )

    def clean_password(self) -> str:
        chosen = str(self.cleaned_data["password"])
        password_validation.validate_password(chosen)
        return chosen
