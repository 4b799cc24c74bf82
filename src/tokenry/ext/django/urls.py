"""`path("auth/", include("tokenry.ext.django.urls"))`: refreshing and signing out, below `REFRESH_PATH`."""

from django.urls import path

from .sessions import refresh_view, sign_out_view

app_name = "tokenry"
urlpatterns = [
    path("refresh", refresh_view, name="refresh"),
    path("sign-out", sign_out_view, name="sign-out"),
    path("sign-out/everywhere", sign_out_view, {"everywhere": True}, name="sign-out-everywhere"),
]
