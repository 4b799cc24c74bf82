module tokenry.example/tokenry

go 1.19
